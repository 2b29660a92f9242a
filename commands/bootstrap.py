"""Makes the parts of the command process from its settings: the only place that makes clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from commands.accounts.registry import Registry
from commands.services import Services
from commands.views import View, Views
from infra.auth.credentials import SqliteCredentials
from infra.auth.keys import KeyRing, secret
from infra.auth.passwords import Passwords
from infra.auth.revocations import SqliteRevocations
from infra.auth.tokens import AccessTokens, AccessTokenVerifier
from infra.clock import SystemClock
from infra.consistency import SECRET_NAME, ConsistencyTokens
from infra.http.rate_limits import RateLimits
from infra.journal.embedded import EmbeddedJournal
from infra.log.embedded import ensure
from infra.sources import FileSource
from infra.sqlite.projection_store import SqliteProjectionReader, generation_path
from projections.accounts import read_model as accounts
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement import read_model as engagement
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph import read_model as graph
from projections.graph.sqlite import SqliteGraphReader
from projections.tweets import read_model as tweets
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS
from schemas.ids import SnowflakeGenerator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.clock import Clock
    from infra.journal.port import Journal
    from infra.settings import Settings

REVOKED_ELSEWHERE_S = 0.25  # by an operator's command; what this process revokes it knows at once
_DAY_MS = 86_400_000
_EMAIL_SECRET = "email"  # noqa: S105 - the name of the file in keys_dir

R = TypeVar("R", bound=SqliteProjectionReader)


class Opened(NamedTuple):
    """The services, and what closes their files."""

    services: Services
    close: Callable[[], None]


def open_services(settings: Settings, clock: Clock | None = None) -> Opened:
    """Open the log, the credentials and the read models of a data folder."""
    clock = clock or SystemClock()
    partitions = dict.fromkeys((*FACT_TOPICS, *DERIVED_TOPICS), settings.partitions)
    ensure(settings.log_dir, partitions)
    journal = EmbeddedJournal(settings.log_dir, partitions)
    ids = SnowflakeGenerator(settings.worker, clock.now_ms)
    keys = KeyRing(settings.keys_dir)
    keys.signing()
    revocations = SqliteRevocations(settings.credentials_path, clock.now_ms(), REVOKED_ELSEWHERE_S)
    registry = _registry(settings, keys, clock, ids.next_id, revocations.add)
    views = _views(settings.projections_dir, journal, settings.wait_ms)

    def close() -> None:
        views.close()
        journal.close()
        registry.close()
        revocations.close()

    services = Services(
        settings=settings,
        clock=clock,
        next_id=ids.next_id,
        journal=journal,
        views=views,
        registry=registry,
        keys=keys,
        verifier=AccessTokenVerifier(keys, revocations, clock),
        rate_limits=RateLimits(settings),
        consistency=ConsistencyTokens(secret(settings.keys_dir, SECRET_NAME)),
    )
    return Opened(services, close)


def _registry(
    settings: Settings,
    keys: KeyRing,
    clock: Clock,
    next_id: Callable[[], int],
    on_revoked: Callable[[int], None],
) -> Registry:
    return Registry(
        SqliteCredentials(settings.credentials_path),
        Passwords(settings.argon2_memory_kib),
        AccessTokens(keys, clock, settings.access_token_minutes * 60),
        clock,
        next_id,
        secret(settings.keys_dir, _EMAIL_SECRET),
        settings.refresh_token_days * _DAY_MS,
        on_revoked,
    )


def _views(folder: Path, journal: Journal, wait_ms: int) -> Views:
    def source(projection: str, reader: Callable[[Path], R]) -> FileSource[R]:
        return FileSource(generation_path(folder, projection), reader)

    return Views(
        View("accounts", source(accounts.PROJECTION, SqliteAccountsReader), accounts.TOPICS),
        View("tweets", source(tweets.PROJECTION, SqliteTweetsReader), tweets.TOPICS),
        View("graph", source(graph.PROJECTION, SqliteGraphReader), graph.TOPICS),
        View("engagement", source(engagement.PROJECTION, SqliteEngagementReader), engagement.TOPICS),
        journal,
        wait_ms,
    )
