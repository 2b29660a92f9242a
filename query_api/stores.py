"""Keeps the read models' files open, and opens them again where one came late, was replaced or went away.

Every file is opened read-only. A look costs one `stat` a file, at most every LOOK_SECONDS; between two looks readers
keep what they opened, which is safe: a file that is replaced lives on until its last reader closes it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import apsw

from infra.log.port import LogError
from projections.accounts import read_model as accounts
from projections.engagement import read_model as engagement
from projections.graph import read_model as graph
from projections.home_timeline import read_model as home_timeline
from projections.tweets import read_model as tweets
from query_api.errors import NotReadyError
from query_api.recent import Recent
from query_api.tweets.hydrate import AuthorHydrator, TweetHydrator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from infra.log.port import TopicPartition
    from query_api.tweets.rules import Shown

LOOK_SECONDS = 0.1

TOPICS: dict[str, tuple[str, ...]] = {
    model.PROJECTION: model.TOPICS for model in (accounts, tweets, graph, engagement, home_timeline)
}
"""Name of a projection → the topics whose positions it passes."""


class Closeable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Free the file."""


R = TypeVar("R", bound=Closeable)


class Readers(NamedTuple):
    """All read models, open, and the hydrators over them."""

    accounts: accounts.AccountsReader
    tweets: tweets.TweetsReader
    graph: graph.GraphReader
    engagement: engagement.EngagementReader
    home_timeline: home_timeline.HomeTimelineReader
    hydrate_tweets: TweetHydrator
    hydrate_authors: AuthorHydrator

    def refresh(self) -> None:
        """Forget what was deleted or edited since the last request."""
        self.hydrate_tweets.refresh()
        self.hydrate_authors.refresh()


class Slot(Generic[R]):
    """One file that may or may not be there."""

    def __init__(self, path: Path, opener: Callable[[Path], R]) -> None:
        self.path = path
        self.reader: R | None = None
        self.reason = "it was not looked for yet"
        self._opener = opener
        self._identity: tuple[int, int] | None = None

    def look(self) -> bool:
        """Open the file where it appeared or was replaced, close it where it is gone; return whether that changed."""
        try:
            status = self.path.stat()
        except OSError:
            return self.close("its file does not exist yet")
        identity = (status.st_dev, status.st_ino)
        if self.reader is not None and identity == self._identity:
            return False
        self.close("its file was replaced")
        try:
            self.reader, self._identity = self._opener(self.path), identity
        except (apsw.Error, LogError) as error:  # damaged, or its writer is only just making it
            self.reason = f"its file cannot be read ({type(error).__name__})"
            return False
        return True

    def close(self, reason: str) -> bool:
        """Let go of the file; return whether it was open."""
        self.reason = reason
        if self.reader is None:
            return False
        reader, self.reader = self.reader, None
        reader.close()
        return True


class Stores:
    """The files of all read models."""

    def __init__(self, slots: Mapping[str, Slot[Any]], cache_entries: int) -> None:
        self._slots = slots
        self._readers: Readers | None = None
        self._looked_at = float("-inf")
        self.kept_tweets: Recent[Shown] = Recent(cache_entries)
        self.kept_authors: Recent[bytes] = Recent(cache_entries)

    def readers(self) -> Readers:
        """Return the open read models, their caches as fresh as the files; raises NotReadyError."""
        self.look()
        if self._readers is None:
            missing = "; ".join(f"{name}: {slot.reason}" for name, slot in self._slots.items() if slot.reader is None)
            raise NotReadyError(f"not all read models are there yet: {missing}")
        self._readers.refresh()
        return self._readers

    def look(self) -> None:
        """Follow the files, at most every LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        changed = [slot.look() for slot in self._slots.values()]  # all of them, before any() may stop
        if any(changed):
            self._readers = self._assemble()

    def _assemble(self) -> Readers | None:
        self.kept_tweets.clear()
        self.kept_authors.clear()
        found = {name: slot.reader for name, slot in self._slots.items() if slot.reader is not None}
        if len(found) < len(self._slots):
            return None
        return Readers(
            **found,
            hydrate_tweets=TweetHydrator(found["tweets"], self.kept_tweets),
            hydrate_authors=AuthorHydrator(found["accounts"], self.kept_authors),
        )

    def checkpoints(self, projection: str) -> Mapping[TopicPartition, int] | None:
        """Return how far one projection is, or None where it is not there yet."""
        self.look()
        reader = self._slots[projection].reader
        return None if reader is None else reader.checkpoints()

    def path(self, projection: str) -> Path:
        """Return the file of a projection, open or not."""
        return self._slots[projection].path

    def generation(self, projection: str) -> int:
        """Return which build of a projection is read."""
        return int(self.path(projection).stem[1:])

    def close(self, reason: str) -> None:
        """Let go of all files; the next look opens them again."""
        for slot in self._slots.values():
            slot.close(reason)
        self._readers = None
        self._looked_at = float("-inf")
