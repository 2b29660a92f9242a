"""What makes the next version of an old fact about tweets, where defaults do not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.envelope import Fields


def posted_without_media(fields: Fields) -> Fields:
    """TweetPosted 2 to 3: nothing could be uploaded then, so ids of media name nothing.

    From version 3 on `media` says how to show each of `media_ids`; whoever reads the ids alone would show nothing real.
    """
    return {**fields, "media_ids": []}
