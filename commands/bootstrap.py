"""Makes the parts of the command process from its settings: the only place that makes clients."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from commands.accounts.registry import Registry
from commands.app import create_app
from commands.media.service import MediaParts
from commands.oauth.grants import Grants
from commands.parts import Parts
from commands.privacy.shelf import Shelf
from commands.services import Privacy, Push, Services
from commands.views import View, Views
from infra.archive.opening import archived_ends
from infra.auth.apps import SqliteApps
from infra.auth.credentials import SqliteCredentials
from infra.auth.departures import SqliteDepartures
from infra.auth.keys import KeyRing, secret
from infra.auth.passwords import Passwords
from infra.auth.revocations import SqliteRevocations
from infra.auth.seals import seals_on_files
from infra.auth.tokens import AccessTokens, AccessTokenVerifier
from infra.clock import SystemClock
from infra.consistency import SECRET_NAME, ConsistencyTokens
from infra.erasing.files import FileCopies
from infra.generations.files import FileGenerations
from infra.http.rate_limits import RateLimits
from infra.journal.embedded import EmbeddedJournal
from infra.log.embedded import ensure
from infra.objects.opening import open_objects
from infra.push.files import SqliteSubscriptions
from infra.push.webpush import Vapid
from infra.sources import FileSource
from infra.sqlite.projection_store import SqliteProjectionReader
from infra.trouble import TroubleError
from projections.accounts import read_model as accounts
from projections.accounts.sqlite import SqliteAccountsReader
from projections.accounts.standings import Standings
from projections.engagement import read_model as engagement
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph import read_model as graph
from projections.graph.sqlite import SqliteGraphReader
from projections.media import read_model as media
from projections.media.sqlite import SqliteMediaReader
from projections.moderation import read_model as moderation
from projections.moderation.sqlite import SqliteModerationReader
from projections.notifications import read_model as notifications
from projections.notifications.sqlite import SqliteNotificationsReader
from projections.tweets import read_model as tweets
from projections.tweets.sqlite import SqliteTweetsReader
from schemas import codec
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS
from schemas.ids import SnowflakeGenerator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import ASGIApp

    from infra.clock import Clock
    from infra.journal.port import Journal
    from infra.settings import Settings

logger = logging.getLogger(__name__)

REVOKED_ELSEWHERE_S = 0.25  # by an operator's command; what this process revokes it knows at once
_DAY_MS = 86_400_000
_EMAIL_SECRET = "email"  # noqa: S105 - the name of the file in keys_dir

R = TypeVar("R", bound=SqliteProjectionReader)


class Opened(NamedTuple):
    """The services, and what closes their files."""

    services: Services
    close: Callable[[], None]


def open_app(settings: Settings) -> ASGIApp:
    """Open the services and return the app over them, which closes them when it stops."""
    services, close = open_services(settings)
    app = create_app(services, close)
    if services.below is None:
        return app
    from infra.bridge import Bridged  # noqa: PLC0415 - installed where there are servers

    return Bridged(app)


def open_services(settings: Settings, clock: Clock | None = None) -> Opened:
    """Open the log, the credentials and the read models. Raises TroubleError where something is wrong with them."""
    clock = clock or SystemClock()
    keys = KeyRing(settings.keys_dir)
    keys.signing()
    parts = _open_parts(settings, clock)
    codec.open_with(parts.seals)
    access_tokens = AccessTokens(keys, clock, settings.access_token_minutes * 60)
    verifier = AccessTokenVerifier(keys, parts.revocations, clock)
    registry = _registry(settings, access_tokens, clock, parts)

    def close() -> None:
        parts.views.close()
        if parts.subscriptions is not None:
            parts.subscriptions.close()
        parts.close()
        registry.close()
        parts.apps.close()
        parts.seals.close()
        parts.privacy.departures.close()
        parts.revocations.close()

    uploads = _media(settings)
    services = Services(
        settings=settings,
        clock=clock,
        next_id=parts.next_id,
        journal=parts.journal,
        views=parts.views,
        registry=registry,
        grants=Grants(registry, parts.apps, access_tokens, verifier, clock, parts.next_id),
        keys=keys,
        verifier=verifier,
        rate_limits=RateLimits(settings, shared=parts.shared_limits),
        consistency=ConsistencyTokens(secret(settings.keys_dir, SECRET_NAME)),
        privacy=parts.privacy if uploads is None else parts.privacy._replace(shelf=Shelf(uploads.objects)),
        below=parts.below,
        broken=parts.broken,
        also_ready=parts.also_ready,
        warnings=parts.warnings,
        media=uploads,
        push=_push(settings, parts),
    )
    return Opened(services, close)


def _media(settings: Settings) -> MediaParts | None:
    try:
        objects = open_objects(settings)
    except TroubleError as error:  # on servers that name no object store everything but media works
        logger.warning("uploads are refused: %s", error)
        return None
    return MediaParts(objects, settings.data_dir / "tmp", settings.media_wait_ms)


def _push(settings: Settings, parts: Parts) -> Push | None:
    if parts.subscriptions is None:
        return None
    return Push(parts.subscriptions, Vapid(settings.keys_dir, settings.push_contact).public_key)


def _open_parts(settings: Settings, clock: Clock) -> Parts:
    if settings.profile == "cluster":
        from commands.cluster import open_parts  # noqa: PLC0415 - its clients are installed where there are servers

        return open_parts(settings, clock)
    partitions = dict.fromkeys((*FACT_TOPICS, *DERIVED_TOPICS), settings.partitions)
    ensure(settings.log_dir, partitions)
    seals = seals_on_files(settings, writes=True)
    archived = None if settings.retention_unarchived else archived_ends(settings)
    journal = EmbeddedJournal(settings.log_dir, partitions, seals, archived)
    return Parts(
        journal,
        SnowflakeGenerator(settings.worker, clock.now_ms).next_id,
        SqliteCredentials(settings.credentials_path),
        SqliteApps(settings.credentials_path),
        seals,
        SqliteRevocations(settings.credentials_path, clock.now_ms(), REVOKED_ELSEWHERE_S),
        _views(settings.projections_dir, journal, settings.wait_ms, Standings(clock.now_ms)),
        Privacy(SqliteDepartures(settings.credentials_path), FileCopies(settings)),
        journal.close,
        subscriptions=SqliteSubscriptions(settings.push_path) if settings.push_contact else None,
    )


def _registry(settings: Settings, access_tokens: AccessTokens, clock: Clock, parts: Parts) -> Registry:
    return Registry(
        parts.credentials,
        parts.seals,
        Passwords(settings.argon2_memory_kib),
        access_tokens,
        clock,
        parts.next_id,
        secret(settings.keys_dir, _EMAIL_SECRET),
        settings.refresh_token_days * _DAY_MS,
        parts.revocations.add,
        in_place=parts.below is not None,
    )


def _views(folder: Path, journal: Journal, wait_ms: int, standings: Standings) -> Views:
    kept = FileGenerations(folder)

    def source(projection: str, reader: type[R]) -> FileSource[R]:
        return FileSource(projection, folder, reader, reader.SCHEMA_VERSION, kept)

    return Views(
        View("accounts", source(accounts.PROJECTION, SqliteAccountsReader), accounts.TOPICS),
        View("tweets", source(tweets.PROJECTION, SqliteTweetsReader), tweets.TOPICS),
        View("graph", source(graph.PROJECTION, SqliteGraphReader), graph.TOPICS),
        View("engagement", source(engagement.PROJECTION, SqliteEngagementReader), engagement.TOPICS),
        View("media", source(media.PROJECTION, SqliteMediaReader), media.TOPICS),
        journal,
        wait_ms,
        moderation=View("moderation", source(moderation.PROJECTION, SqliteModerationReader), moderation.TOPICS),
        standings=standings,
        notifications=View(
            "notifications", source(notifications.PROJECTION, SqliteNotificationsReader), notifications.TOPICS
        ),
    )
