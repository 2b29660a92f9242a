"""The query process over servers: which clients it opens, and what stands between them and the endpoints.

The one module of the query API that imports their clients; bootstrap imports it only for the cluster profile.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from infra import bridge, redis_limits
from infra.auth.cql_data_keys import seals_on_servers
from infra.auth.cql_revocations import CqlRevocations
from infra.auth.keys import KeyRing, secret
from infra.auth.tickets import SpentTickets, TicketVerifier
from infra.auth.tokens import AccessTokenVerifier
from infra.cluster import cassandra_trouble, elasticsearch_login
from infra.consistency import SECRET_NAME, ConsistencyTokens
from infra.cql.progress import Look
from infra.cql.roles import role
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.elastic import READER_SECONDS as ELASTIC_SECONDS
from infra.elastic import Elastic
from infra.generations.reading import Reading
from infra.http.rate_limits import RateLimits
from infra.log.kafka_ends import KafkaEnds
from infra.log.kafka_reader import KafkaLogReader
from infra.log.kafka_tail import KafkaTail
from infra.progress import HURRIED_S, Part, Progress, ServerSource
from infra.redis_primaries import READER_SECONDS, Primaries
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from projections.accounts.cql import CqlAccountsReader
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph.cql import CqlGraphReader
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from projections.media.cql import CqlMediaReader
from projections.moderation.cql_reader import CqlModerationReader
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.search.elasticsearch_reader import ElasticsearchSearchReader
from projections.search.read_model import PROJECTION as SEARCH
from projections.spam.cql import CqlSpamReader
from projections.trends.cql_reader import CqlTrendsReader
from projections.tweets.cql_reader import CqlTweetsReader
from query_api.bootstrap import Services, boards, open_media
from query_api.freshness import Freshness
from query_api.home_timeline.fallback import HomeTimelines, Watch
from query_api.home_timeline.pulled import PulledHomeTimelines
from query_api.lag import LagMeter
from query_api.letters import DeadLetters
from query_api.live.doors import Doors
from query_api.live.service import Live
from query_api.media.located import Located
from query_api.moderation.quarantine import Quarantine
from query_api.moments import Frozen, Moments
from query_api.stores import HOME, TOPICS, Stores
from query_api.tweets.cards import Cards, Ready
from query_api.tweets.counts import KeptCounts
from query_api.tweets.marks import KeptMarks
from query_api.users.hidden import KeptHidden
from schemas import codec
from schemas.catalogue import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.clock import Clock
    from infra.cql.projection_store import CqlProjectionReader
    from infra.log.port import TopicPartition
    from infra.recent import Cache
    from infra.settings import Settings
    from query_api.lag import LogEnds
    from query_api.live.tail import Tail
    from query_api.stores import Readers
    from query_api.tweets.hydrate import AuthorHydrator, TweetHydrator

T = TypeVar("T")

ROW_READERS: tuple[type[CqlProjectionReader], ...] = (
    CqlAccountsReader,
    CqlTweetsReader,
    CqlGraphReader,
    CqlEngagementReader,
    CqlTrendsReader,
    CqlNotificationsReader,
    CqlMediaReader,
    CqlModerationReader,
    CqlSpamReader,
)

MARKS_SHARE = 10  # a viewer's marks take as much memory as ten tweets, at some fifty of them
AT_ONCE = 64  # reads of one query side by side; the CQL driver's own trouble begins at some 1,000
ROWS, TIMELINES, INDEX = "Cassandra", "Redis", "Elasticsearch"
INDEX_HURRIED_S = 0.03  # a look takes some 0.1 ms a partition of it


def build_cluster(settings: Settings, clock: Clock, log: LogEnds | None = None, tail: Tail | None = None) -> Services:
    """Return the services over servers; `log` and `tail` take the place of Kafka where the log is another.

    Raises TroubleError where a server that is needed cannot be reached.
    """
    settings = servers_of(settings)
    settings = settings.model_copy(update=elasticsearch_login(settings))
    with ExitStack() as opening, cassandra_trouble(settings):
        session = opening.enter_context(closing(CqlSession(role(settings, "query"))))
        urls = (settings.redis_query_urls or settings.redis_urls).split(",")
        codec.open_with(seals_on_servers(settings, lambda: session))
        primaries = opening.enter_context(closing(Primaries(urls, seconds=READER_SECONDS)))
        look = Look(session, keyspaces(settings).lwt)
        readings: dict[str, Reading[Any]] = {reader.PROJECTION: look.rows(reader) for reader in ROW_READERS}
        parts = [Part(ROWS, tuple(readings), look.read)]

        def beside(name: str, part: str, make: Callable[[int], Any], version: int, hurried_s: float) -> None:
            """Read a projection that is not on rows; its generations are recorded where those are."""
            reading = readings[name] = Reading(name, make, version, look.record(name))
            parts.append(Part(part, (name,), partial(_followed, reading, look), hurried_s))

        shards = settings.redis_shards
        timelines = partial(RedisHomeTimelineReader.over, primaries, shards)
        beside(HOME, TIMELINES, timelines, RedisHomeTimelineReader.SCHEMA_VERSION, HURRIED_S)
        if settings.elasticsearch_urls:
            elastic = opening.enter_context(closing(Elastic(settings, seconds=ELASTIC_SECONDS)))
            index = partial(ElasticsearchSearchReader, elastic, settings)
            beside(SEARCH, INDEX, index, ElasticsearchSearchReader.SCHEMA_VERSION, INDEX_HURRIED_S)
        progress = Progress(parts)
        opening.callback(progress.close)
        shared = OnServers(progress, settings.tweet_cache_entries)
        sources = {name: ServerSource(reading, progress) for name, reading in readings.items()}
        stores = Stores(sources, settings.tweet_cache_entries, shared, clock.now_ms, Located(settings.media_url))
        stores.look()
        keys = KeyRing(settings.keys_dir)
        revocations = CqlRevocations(session, clock.now_ms(), keyspace=keyspaces(settings).lwt)
        topics = sorted({topic for name in readings for topic in TOPICS[name]})
        letters = partial(KafkaLogReader, settings.kafka_bootstrap, (DEAD_LETTERS,))
        shared_secret = secret(settings.keys_dir, SECRET_NAME)
        shared_limits = redis_limits.opened(settings.redis_limits_urls, opening)
        live = Live(
            tail or KafkaTail(settings.kafka_bootstrap),
            stores,
            shared_secret,
            doors=Doors(settings),
            kept=settings.live_records,
            below=bridge.bridged,
        )
        return Services(
            settings=settings,
            clock=clock,
            stores=stores,
            lag=LagMeter(stores, log or KafkaEnds(settings.kafka_bootstrap, topics), clock),
            letters=DeadLetters(lru_cache(maxsize=1)(letters)),
            freshness=Freshness(stores),
            tokens=ConsistencyTokens(shared_secret),
            verifier=AccessTokenVerifier(keys, revocations, clock),
            tickets=TicketVerifier(keys, revocations, clock, SpentTickets(settings.run_dir / "tickets")),
            rate_limits=RateLimits(settings, shared=shared_limits),
            revocations=revocations,
            trend_boards=boards(settings),
            quarantine=Quarantine(settings.spam_threshold),
            moments=Moments(_frozen(session), stores, boards(settings)),
            surround=bridge.Bridged,
            close_servers=opening.pop_all().close,
            live=live,
            objects=open_media(settings),
        )


def _frozen(session: CqlSession) -> Frozen:
    """Return what opens frozen generations: of what is on rows, which is all that `?as_of` reads."""
    kinds = {reader.PROJECTION: reader for reader in ROW_READERS}

    def opened(projection: str, number: int) -> CqlProjectionReader | None:
        try:
            return kinds[projection](session, number)
        except TroubleError:  # its tables were dropped just now
            return None

    return Frozen({name: reader.SCHEMA_VERSION for name, reader in kinds.items()}, opened, together)


def _followed(reading: Reading[Any], look: Look) -> dict[str, Mapping[TopicPartition, int]]:
    """Follow the generations of a projection that is not on rows; return its checkpoints."""
    reading.follow(look.record(reading.projection))
    return {} if reading.reader is None else {reading.projection: reading.reader.checkpoints()}


class OnServers:
    """What stands between readers on servers and the endpoints (query_api.stores.Shared)."""

    def __init__(self, progress: Progress, cache_entries: int) -> None:
        self._progress = progress
        self._entries = cache_entries
        self.timelines: HomeTimelines | None = None
        self.caches: dict[str, Cache] = {}

    def wait(self, future: Any) -> Any:
        """Wait for what another request reads."""
        return bridge.wait(future)

    def begin(self) -> None:
        """Tell nothing more to what was kept of readers before."""
        self._progress.forget_followers()

    def tell(self, projection: str, kept: TweetHydrator | AuthorHydrator) -> None:
        """From now on tell what is kept of a projection what changed there."""
        self._progress.tell(projection, kept)

    def over(self, readers: Readers) -> Readers:
        """Return the readers with the fallback of home timelines, and what is kept in front of others."""
        pulled = PulledHomeTimelines(readers.graph, readers.tweets, readers.hydrate_tweets.load, together)
        self.timelines = HomeTimelines(readers.home_timeline, pulled, Watch(self._progress))
        engagement = cast("CqlEngagementReader", readers.engagement)
        counts = KeptCounts(engagement, self._entries, self.wait)
        marks = KeptMarks(engagement, self._entries // MARKS_SHARE)
        counts.loading.followers.append(marks)
        hidden = KeptHidden(cast("CqlGraphReader", readers.graph), self._entries, self.wait)
        readers = readers._replace(home_timeline=self.timelines, counts=counts.load, hidden=hidden.of)
        parts = (readers.hydrate_tweets.loading, readers.hydrate_authors.loading, counts.loading)
        cards = Cards(readers, self._entries, parts)
        self._progress.tell("engagement", counts)
        self._progress.tell("graph", hidden)
        self.caches = {"counts": counts.kept, "hidden": hidden.kept, "marks": marks, "cards": cards}
        return readers._replace(ready=Ready(cards, marks))


def together(reads: Sequence[Callable[[], T]]) -> list[T]:
    """Return what each read returned; they run side by side, AT_ONCE at a time, where something is bridged."""
    if not bridge.is_bridged():
        return [read() for read in reads]
    results: list[T] = []
    for first in range(0, len(reads), AT_ONCE):
        results += bridge.wait_for(_gathered(reads[first : first + AT_ONCE]))
    return results


async def _gathered(reads: Sequence[Callable[[], T]]) -> list[T]:
    return await asyncio.gather(*(_bridged(read) for read in reads))


async def _bridged(read: Callable[[], T]) -> T:
    async def call() -> T:
        return read()

    return await bridge.bridged(call())
