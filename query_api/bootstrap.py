"""Composition root of the query process: the only place where settings are read and files are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.auth.keys import KeyRing, secret
from infra.auth.revocations import SqliteRevocations
from infra.auth.tokens import AccessTokenVerifier
from infra.clock import SystemClock
from infra.consistency import SECRET_NAME, ConsistencyTokens
from infra.http.rate_limits import RateLimits
from infra.log.embedded import path_of
from infra.log.sqlite_reader import SqliteLogReader
from infra.sources import FileSource, Slot
from infra.sqlite.projection_store import generation_path
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph.sqlite import SqliteGraphReader
from projections.home_timeline.sqlite_reader import SqliteHomeTimelineReader
from projections.tweets.sqlite import SqliteTweetsReader
from query_api.freshness import Freshness
from query_api.lag import LagMeter
from query_api.stores import TOPICS, Stores

if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.settings import Settings

READERS = {
    "accounts": SqliteAccountsReader,
    "tweets": SqliteTweetsReader,
    "graph": SqliteGraphReader,
    "engagement": SqliteEngagementReader,
    "home_timeline": SqliteHomeTimelineReader,
}
"""Name of a projection → what reads its file."""


class Services(NamedTuple):
    """What the process is made of."""

    settings: Settings
    clock: Clock
    stores: Stores
    lag: LagMeter
    freshness: Freshness
    tokens: ConsistencyTokens
    verifier: AccessTokenVerifier
    rate_limits: RateLimits
    revocations: SqliteRevocations

    def close(self) -> None:
        """Let go of everything."""
        self.lag.close()
        self.stores.close("the process is stopping")
        self.revocations.close()


def build(settings: Settings, clock: Clock | None = None) -> Services:
    """Return the services of the embedded profile; files that are not there yet are opened when they come."""
    clock = clock or SystemClock()
    paths = {name: generation_path(settings.projections_dir, name) for name in TOPICS}
    stores = Stores(
        {name: FileSource(path, READERS[name]) for name, path in paths.items()}, settings.tweet_cache_entries
    )
    log = Slot(path_of(settings.log_dir, "facts"), SqliteLogReader)
    revocations = SqliteRevocations(settings.credentials_path, clock.now_ms())
    return Services(
        settings=settings,
        clock=clock,
        stores=stores,
        lag=LagMeter(stores, log, clock),
        freshness=Freshness(stores),
        tokens=ConsistencyTokens(secret(settings.keys_dir, SECRET_NAME)),
        verifier=AccessTokenVerifier(KeyRing(settings.keys_dir), revocations, clock),
        rate_limits=RateLimits(settings),
        revocations=revocations,
    )
