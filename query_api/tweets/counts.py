"""Counts of tweets, kept on servers, where they cost a round trip and a row a tweet.

Kept until the store says that they changed (see infra.progress): after a wait for a token as fresh as the token, else
behind by a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from infra.loading import Loading
from infra.recent import Recent
from projections.engagement.read_model import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future
    from typing import Any

    from projections.engagement.read_model import CountsRow

_NONE = Counts()


class CountsReader(Protocol):
    """Reads counts, and tells of changes."""

    def counts(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the counts of each tweet; one that nobody engaged with may be absent."""

    def changed(self) -> list[int]:
        """Return the tweets whose counts, and the accounts whose marks, changed since the last call."""


class KeptCounts:
    """Reads them, or has them."""

    def __init__(self, engagement: CountsReader, entries: int, wait: Callable[[Future[Any]], Any]) -> None:
        self._engagement = engagement
        self.kept: Recent[CountsRow] = Recent(entries)
        self.loading: Loading[CountsRow] = Loading(self.kept, self._read, wait)
        self.rely = self.loading.rely
        self.load = self.loading.load

    def refresh(self) -> None:
        """Forget what changed since the last call."""
        self.loading.drop(self._engagement.changed())

    def _read(self, tweet_ids: list[int]) -> dict[int, CountsRow]:
        found = self._engagement.counts(tweet_ids)
        return {tweet_id: found.get(tweet_id, _NONE) for tweet_id in tweet_ids}
