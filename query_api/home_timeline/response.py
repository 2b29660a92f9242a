"""Present: the parts of scores as bytes. The page itself: query_api.tweets.response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from query_api.home_timeline.ranking import Score


def scores(ranked: Iterable[tuple[int, Score]]) -> dict[int, bytes]:
    """Return the object `score` of each tweet."""
    return {tweet_id: orjson.dumps(score._asdict()) for tweet_id, score in ranked}
