"""What viewers liked, retweeted and bookmarked, kept on servers: whoever reads a feed soon reads it again.

Kept are all marks from some tweet on, a viewer's, until the store says that the viewer made or took back one; those of
a viewer who left very many are read each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from infra.loading import News
from infra.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Collection

    from projections.engagement.read_model import Flags, Marks


class MarksReader(Protocol):
    """Reads marks."""

    def flags(self, viewer_id: int, tweet_ids: Collection[int]) -> Flags:
        """Return what the viewer did with the tweets."""

    def marks(self, viewer_id: int, since_id: int, tweet_ids: Collection[int]) -> Marks | None:
        """Return what the viewer did with tweets from `since_id` on, and with these; None where it is too much."""


class KeptMarks:
    """Reads them, or has them."""

    def __init__(self, engagement: MarksReader, viewers: int) -> None:
        self._engagement = engagement
        self._kept: Recent[Marks] = Recent(viewers)
        self._news = News()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def flags(self, viewer_id: int, since_id: int, tweet_ids: Collection[int]) -> Flags:
        """Return what the viewer did with the tweets, and perhaps with others; most of them are from `since_id` on."""
        marks = self._kept.take((viewer_id,))[0].get(viewer_id)
        if marks is not None and marks.tell_of(tweet_ids):
            self.hits += 1
            return marks.flags
        self.misses += 1
        with self._news.heard() as news:
            marks = self._engagement.marks(viewer_id, since_id, tweet_ids)
        if marks is None:
            return self._engagement.flags(viewer_id, tweet_ids)
        if viewer_id not in news:
            self._kept.put({viewer_id: marks})
        return marks.flags

    def drop(self, ids: Collection[int]) -> None:
        """Forget those of accounts whose marks changed."""
        self._kept.drop(ids)
        self._news.tell(ids)

    def rely(self, told: bool) -> None:
        """Keep them only while changes are told."""
        self._kept.rely(told)
