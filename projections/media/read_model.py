"""What may be read about images and videos: shapes and the reader's port."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "media"
TOPICS = ("accounts", "media", "tweets")


class State(enum.IntEnum):
    """How far it is; the numbers are stored."""

    PROCESSING = 0
    READY = 1
    FAILED = 2


class Slot(enum.IntEnum):
    """Where an account shows an image beside its tweets; the numbers are stored."""

    PROFILE = 1
    BANNER = 2


class Media(NamedTuple):
    """An image or a video. What follows `alt_text` says what is served, and is empty or 0 until it is ready.

    `content_type`, `size`: as it was sent. `thumbnails` is a JSON array of {name, file, width, height}, the smallest
    first. `reason` is why it failed. `collected_at_ms` is 0 while its bytes are kept; times are unix milliseconds.
    """

    media_id: int
    owner_id: int
    at_ms: int
    content_type: str
    size: int
    state: int
    alt_text: str
    kind: str = ""
    file: str = ""
    served_type: str = ""
    served_size: int = 0
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    blurhash: str = ""
    poster: str = ""
    thumbnails: bytes = b"[]"
    reason: str = ""
    collected_at_ms: int = 0


class Use(NamedTuple):
    """The tweet that has it (0: none; a medium is attached once), and whether it is its owner's picture or banner.

    `gone_at_ms` is when the tweet was deleted (0: it stands), `hidden` whether moderators have hidden it.
    """

    tweet_id: int = 0
    gone_at_ms: int = 0
    in_profile: bool = False
    hidden: bool = False


class MediaReader(ProjectionReader, Protocol):
    """Images and videos by id, by owner, and by when one had to look at them again."""

    def many(self, media_ids: Collection[int]) -> dict[int, Media]:
        """Return those that were uploaded among the ids, collected ones too."""

    def uses(self, media_ids: Collection[int]) -> dict[int, Use]:
        """Return where they are used; those that never were may be absent."""

    def of_owner(self, owner_id: int, before: int | None, limit: int) -> list[int]:
        """Return ids of an account's media, newest first, below `before` (None: from the newest)."""

    def due(self, since_ms: int, until_ms: int) -> list[int]:
        """Return at least the ids of media of which something was said in that time that may leave them unused.

        That is: they were uploaded, their tweet was deleted, their owner's picture or banner was changed.
        """
