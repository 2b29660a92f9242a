"""Keeps the read models open, and opens them again where one came late, was replaced or went away.

All are opened read-only. A look costs one `stat` a file, at most every LOOK_SECONDS; between two looks readers keep
what they opened, which is safe: a file that is replaced lives on until its last reader closes it. A request holds one
set of Readers for its life, so it reads one generation of each, and what is kept in memory belongs to such a set.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from infra.clock import SystemClock
from infra.recent import Recent
from projections.accounts import read_model as accounts
from projections.accounts.standings import Standings
from projections.engagement import read_model as engagement
from projections.graph import read_model as graph
from projections.home_timeline import read_model as home_timeline
from projections.media import read_model as media
from projections.moderation import read_model as moderation
from projections.notifications import read_model as notifications
from projections.search import read_model as search
from projections.spam import read_model as spam
from projections.trends import read_model as trends
from projections.tweets import read_model as tweets
from query_api.errors import NotReadyError
from query_api.media.located import Located
from query_api.tweets.hydrate import AuthorHydrator, TweetHydrator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from concurrent.futures import Future

    from infra.generations.record import Record
    from infra.log.port import Position, TopicPartition
    from infra.recent import Cache
    from infra.sources import Source
    from projections.engagement.read_model import CountsRow
    from projections.graph.read_model import Hidden
    from query_api.home_timeline.fallback import HomeTimelines
    from query_api.tweets.cards import Ready
    from query_api.tweets.rules import Shown

LOOK_SECONDS = 0.1
HOME = home_timeline.PROJECTION

_FEEDS = (accounts, tweets, graph, engagement, home_timeline, search, trends, notifications)

TOPICS: dict[str, tuple[str, ...]] = {model.PROJECTION: model.TOPICS for model in (*_FEEDS, media, moderation, spam)}
"""Name of a projection → the topics whose positions it passes."""


_ELSEWHERE: Any = None  # no endpoint gets to see it: Reads refuses what this profile does not keep


class Readers(NamedTuple):
    """All read models, open, and the hydrators over them."""

    accounts: accounts.AccountsReader
    tweets: tweets.TweetsReader
    graph: graph.GraphReader
    engagement: engagement.EngagementReader
    home_timeline: home_timeline.HomeTimelineReader
    counts: Callable[[Collection[int]], Mapping[int, CountsRow]]
    hydrate_tweets: TweetHydrator
    hydrate_authors: AuthorHydrator
    hidden: Callable[[int], Hidden]
    standings: Standings
    ready: Ready | None = None
    search: search.SearchReader = _ELSEWHERE
    trends: trends.TrendsReader = _ELSEWHERE
    notifications: notifications.NotificationsReader = _ELSEWHERE
    media: media.MediaReader = _ELSEWHERE
    located: Located = Located()
    moderation: moderation.ModerationReader = _ELSEWHERE
    spam: spam.SpamReader = _ELSEWHERE

    def refresh(self) -> None:
        """Forget what was deleted or edited since the last request."""
        self.hydrate_tweets.refresh()
        self.hydrate_authors.refresh()
        self.standings.look()


class Shared(Protocol):
    """How read models on servers are read, where requests run side by side."""

    @property
    def timelines(self) -> HomeTimelines | None:
        """What stands in for home timelines that are away."""

    @property
    def caches(self) -> Mapping[str, Cache]:
        """What is kept in memory beside tweets and authors."""

    def begin(self) -> None:
        """Tell nothing more to what was kept of readers before."""

    def wait(self, future: Future[Any], /) -> Any:
        """Wait for what another request reads."""

    def tell(self, projection: str, kept: TweetHydrator | AuthorHydrator) -> None:
        """From now on tell what is kept of a projection what changed there."""

    def over(self, readers: Readers) -> Readers:
        """Return the readers with what stands between them and the servers."""


class Stores:
    """The sources of all read models."""

    def __init__(
        self,
        sources: Mapping[str, Source[Any]],
        cache_entries: int,
        shared: Shared | None = None,
        now_ms: Callable[[], int] | None = None,
        located: Located | None = None,
    ) -> None:
        self.located = located or Located()
        self.names = sources.keys()
        self._sources = sources
        self.shared = shared
        self._found: dict[str, Any] = {}
        self._readers: Readers | None = None
        self._looked_at = float("-inf")
        self.followers: list[Callable[[], None]] = []
        """Called after each look, now that the records of generations are as they are."""
        self.assembled = 0
        """How many sets of Readers there were: another number, another generation or file of something."""
        self.kept_tweets: Recent[Shown] = Recent(cache_entries)
        self.kept_authors: Recent[bytes] = Recent(cache_entries)
        self.standings = Standings(now_ms or SystemClock().now_ms)

    def readers(self) -> Readers:
        """Return the open read models, their caches as fresh as the files; raises NotReadyError."""
        self.look()
        if self._readers is None:
            missing = "; ".join(f"{name}: {it.reason}" for name, it in self._sources.items() if it.reader is None)
            raise NotReadyError(f"not all read models are there yet: {missing}")
        if self.shared is None:
            self._readers.refresh()
        return self._readers

    def start(self) -> None:
        """Begin, inside the event loop."""
        self._looked_at = float("-inf")
        self.look()

    def look(self) -> None:
        """Follow the sources, at most every LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        for source in self._sources.values():
            source.look()
        found = {name: it.reader for name, it in self._sources.items() if it.reader is not None}
        if found != self._found:
            before, self._found = self._found, found
            self._readers = self._assemble(before)
        for follow in self.followers:
            follow()

    def _assemble(self, before: Mapping[str, Any]) -> Readers | None:
        self.assembled += 1
        if self._is_new("tweets", before):
            self.kept_tweets = self.kept_tweets.anew()  # not cleared: who reads by those before may still put
        if self._is_new("accounts", before):
            self.kept_authors = self.kept_authors.anew()
        if len(self._found) < len(self._sources):
            return None
        shared = self.shared
        if shared is not None:
            shared.begin()
        wait = None if shared is None else shared.wait
        self.standings.follow(self._found["accounts"])
        found = dict(self._found)
        found["tweets"] = self.located.tweets(found["tweets"])
        found["accounts"] = self.located.accounts(found["accounts"])
        tweets = TweetHydrator(found["tweets"], self.kept_tweets, self.standings, wait)
        authors = AuthorHydrator(found["accounts"], self.kept_authors, self.standings, wait)
        readers = Readers(
            **found,
            located=self.located,
            counts=self._found["engagement"].counts,
            hydrate_tweets=tweets,
            hydrate_authors=authors,
            hidden=self._found["graph"].hidden,
            standings=self.standings,
        )
        if shared is None:
            return readers
        shared.tell("tweets", tweets)
        shared.tell("accounts", authors)
        return shared.over(readers)

    def _is_new(self, projection: str, before: Mapping[str, Any]) -> bool:
        """Tell whether what is kept of a projection is of another generation or file; on servers, all is told anew."""
        return self.shared is not None or self._found.get(projection) is not before.get(projection)

    def checkpoints(self, projection: str) -> Mapping[TopicPartition, int] | None:
        """Return how far one projection is, or None where it is not there yet."""
        self.look()
        return self._sources[projection].checkpoints()

    async def until_passed(self, projection: str, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether a projection passed the positions within `wait_s` seconds."""
        passed = await self._sources[projection].until_passed(positions, wait_s)
        self._looked_at = float("-inf")  # what was waited for may have been opened meanwhile
        return passed

    def reason(self, projection: str) -> str:
        """Return why a projection cannot be read, or nothing."""
        return self._sources[projection].reason

    def generation(self, projection: str) -> int:
        """Return which build of a projection is read."""
        return self._sources[projection].generation

    def record(self, projection: str) -> Record | None:
        """Return what is recorded of a projection's generations, as far as is known."""
        return self._sources[projection].record

    def close(self, reason: str) -> None:
        """Let go of all; the next look opens them again."""
        for source in self._sources.values():
            source.close(reason)
        self._found, self._readers = {}, None
        self._looked_at = float("-inf")
