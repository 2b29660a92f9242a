"""Composition root of the query process: the only place where settings are read and files are opened."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from infra.auth.keys import KeyRing, secret
from infra.auth.revocations import SqliteRevocations
from infra.auth.seals import seals_on_files
from infra.auth.tickets import SpentTickets, TicketVerifier
from infra.auth.tokens import AccessTokenVerifier
from infra.clock import SystemClock
from infra.consistency import SECRET_NAME, ConsistencyTokens
from infra.generations.files import FileGenerations
from infra.http.rate_limits import RateLimits
from infra.log.embedded import path_of
from infra.log.sqlite_reader import SqliteLogReader
from infra.objects.opening import open_objects
from infra.sources import FileSource, Slot
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph.sqlite import SqliteGraphReader
from projections.home_timeline.sqlite_reader import SqliteHomeTimelineReader
from projections.media.sqlite import SqliteMediaReader
from projections.moderation.sqlite import SqliteModerationReader
from projections.notifications.sqlite import SqliteNotificationsReader
from projections.search.sqlite import SqliteSearchReader
from projections.spam.sqlite import SqliteSpamReader
from projections.trends.sqlite import SqliteTrendsReader
from projections.tweets.sqlite import SqliteTweetsReader
from query_api.freshness import Freshness
from query_api.home_timeline.pulled import one_by_one
from query_api.lag import FileEnds, LagMeter
from query_api.letters import DeadLetters
from query_api.live.doors import Doors
from query_api.live.service import Live
from query_api.live.tail import FileTail
from query_api.media.located import Located
from query_api.moderation.quarantine import Quarantine
from query_api.moments import Frozen, Moments
from query_api.stores import TOPICS, Stores
from query_api.trends.board import Boards, Judge
from query_api.trends.score import Past
from schemas import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from infra.auth.revocations import FollowedRevocations
    from infra.clock import Clock
    from infra.objects.port import ObjectStore
    from infra.recent import Cache
    from infra.settings import Settings
    from query_api.home_timeline.fallback import HomeTimelines

logger = logging.getLogger(__name__)

READERS = {
    "accounts": SqliteAccountsReader,
    "tweets": SqliteTweetsReader,
    "graph": SqliteGraphReader,
    "engagement": SqliteEngagementReader,
    "home_timeline": SqliteHomeTimelineReader,
    "search": SqliteSearchReader,
    "trends": SqliteTrendsReader,
    "notifications": SqliteNotificationsReader,
    "media": SqliteMediaReader,
    "moderation": SqliteModerationReader,
    "spam": SqliteSpamReader,
}
"""Name of a projection → what reads its file."""

TREND_HOURS, TREND_DAYS = 7 * 24, 28  # of the past that an hour and a day of a topic are compared with


class Services(NamedTuple):
    """What the process is made of."""

    settings: Settings
    clock: Clock
    stores: Stores
    lag: LagMeter
    letters: DeadLetters
    freshness: Freshness
    tokens: ConsistencyTokens
    verifier: AccessTokenVerifier
    tickets: TicketVerifier
    rate_limits: RateLimits
    revocations: FollowedRevocations
    trend_boards: Boards
    quarantine: Quarantine
    live: Live
    moments: Moments
    objects: ObjectStore | None = None  # None: nowhere to keep media
    surround: Callable[[Any], Any] | None = None  # what the app runs in, so that reads may wait for servers
    close_servers: Callable[[], None] | None = None

    @property
    def timelines(self) -> HomeTimelines | None:
        """What stands in for home timelines that are away, on servers."""
        return None if self.stores.shared is None else self.stores.shared.timelines

    @property
    def caches(self) -> Mapping[str, Cache]:
        """What is kept in memory beside that of the stores."""
        return {} if self.stores.shared is None else self.stores.shared.caches

    def close(self) -> None:
        """Let go of everything."""
        self.lag.close()
        self.moments.close()
        self.letters.close()
        self.stores.close("the process is stopping")
        self.revocations.close()
        if self.close_servers is not None:
            self.close_servers()


def build(settings: Settings, clock: Clock | None = None) -> Services:
    """Return the services; raises TroubleError where a server that is needed cannot be reached."""
    clock = clock or SystemClock()
    if settings.profile == "cluster":
        from query_api.cluster import build_cluster  # noqa: PLC0415 - its clients are installed only where needed

        return build_cluster(settings, clock)
    return _build_embedded(settings, clock)


def _build_embedded(settings: Settings, clock: Clock) -> Services:
    """Return those over files; what is not there yet is opened when it comes."""
    folder, kept = settings.projections_dir, FileGenerations(settings.projections_dir)
    sources = {name: FileSource(name, folder, READERS[name], READERS[name].SCHEMA_VERSION, kept) for name in TOPICS}
    located = Located(settings.media_url)
    stores = Stores(sources, settings.tweet_cache_entries, now_ms=clock.now_ms, located=located)
    facts = path_of(settings.log_dir, "facts")
    log = Slot(facts, SqliteLogReader)
    codec.open_with(seals_on_files(settings))
    shared, keys = secret(settings.keys_dir, SECRET_NAME), KeyRing(settings.keys_dir)
    revocations = SqliteRevocations(settings.credentials_path, clock.now_ms())
    return Services(
        settings=settings,
        clock=clock,
        stores=stores,
        lag=LagMeter(stores, FileEnds(log), clock),
        letters=DeadLetters(_newest(Slot(path_of(settings.log_dir, "derived"), SqliteLogReader))),
        freshness=Freshness(stores),
        tokens=ConsistencyTokens(shared),
        verifier=AccessTokenVerifier(keys, revocations, clock),
        tickets=TicketVerifier(keys, revocations, clock, SpentTickets(settings.run_dir / "tickets")),
        rate_limits=RateLimits(settings),
        revocations=revocations,
        trend_boards=boards(settings),
        quarantine=Quarantine(settings.spam_threshold),
        live=Live(
            FileTail(Slot(facts, SqliteLogReader)), stores, shared, doors=Doors(settings), kept=settings.live_records
        ),
        moments=Moments(_frozen(folder), stores, boards(settings)),
        objects=open_media(settings),
    )


def _frozen(folder: Path) -> Frozen:
    def opened(projection: str, number: int) -> Any:
        try:
            return READERS[projection](generation_path(folder, projection, number))
        except apsw.CantOpenError:  # it was dropped just now
            return None

    return Frozen({name: reader.SCHEMA_VERSION for name, reader in READERS.items()}, opened, one_by_one)


def open_media(settings: Settings) -> ObjectStore | None:
    """Return where the files of media are; on servers that name no object store everything but media works."""
    try:
        return open_objects(settings)
    except TroubleError as error:
        logger.warning("media are not shown: %s", error)
        return None


def _newest(slot: Slot[SqliteLogReader]) -> Callable[[], SqliteLogReader | None]:
    def look() -> SqliteLogReader | None:
        slot.look()
        return slot.reader

    return look


def boards(settings: Settings) -> Boards:
    """Return what says what trends."""
    minimum, half_life = settings.trends_minimum_authors, settings.trends_half_life_hours
    by_hours, by_days = Past(half_life, TREND_HOURS, minimum), Past(half_life / 24, TREND_DAYS, minimum)
    denied = frozenset(topic.strip().lstrip("#").lower() for topic in settings.trends_denied.split(","))
    return Boards(Judge(by_hours, by_days, denied))
