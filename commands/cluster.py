"""What the command process of the cluster profile is made of: the journal on servers, rows, a lease of its number."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from commands.parts import Parts
from commands.places import KeptPlaces
from commands.services import Privacy
from commands.views import View, Views
from infra import bridge, redis_limits
from infra.auth.cql_apps import CqlApps
from infra.auth.cql_credentials import CqlCredentials
from infra.auth.cql_data_keys import seals_on_servers
from infra.auth.cql_departures import CqlDepartures
from infra.auth.cql_revocations import CqlRevocations
from infra.cluster import cassandra_trouble, check_tables, check_topics, durability, kafka_trouble
from infra.cql.progress import Look
from infra.cql.roles import role
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.erasing.servers import ServerCopies
from infra.journal.cluster import ClusterJournal
from infra.journal.facts_log import FactsLog
from infra.progress import Part, Progress, ServerSource
from infra.push.cql_subscriptions import CqlSubscriptions
from infra.registry import Registration
from infra.servers.fleet import servers_of
from infra.workers import WorkerLease
from projections.accounts import read_model as accounts
from projections.accounts.cql import CqlAccountsReader
from projections.accounts.standings import Standings
from projections.engagement import read_model as engagement
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph import read_model as graph
from projections.graph.cql import CqlGraphReader
from projections.media import read_model as media
from projections.media.cql import CqlMediaReader
from projections.moderation import read_model as moderation
from projections.moderation.cql_reader import CqlModerationReader
from projections.notifications import read_model as notifications
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.tweets import read_model as tweets
from projections.tweets.cql_reader import CqlTweetsReader

if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.journal.port import Journal
    from infra.settings import Settings

DAY_MS = 86_400_000
ON_ROWS = tuple(it.PROJECTION for it in (accounts, tweets, graph, engagement, media, moderation))


def open_parts(settings: Settings, clock: Clock) -> Parts:
    """Open everything; raises TroubleError where something is wrong with it."""
    settings = servers_of(settings)
    check_topics(settings)
    with ExitStack() as opening:
        with cassandra_trouble(settings):
            as_app = role(settings, "app")
            claims = opening.enter_context(closing(CqlSession(as_app, keyspace=keyspaces(settings).lwt)))
            check_tables(claims, settings)
        with kafka_trouble(settings):
            log = FactsLog(settings.kafka_bootstrap, durability(settings))
        registration = opening.enter_context(closing(Registration(settings.schema_registry_url)))
        seals = seals_on_servers(settings, lambda: claims)
        journal = opening.enter_context(closing(ClusterJournal(log, claims, clock, seals=seals)))
        with cassandra_trouble(settings):
            lease = opening.enter_context(closing(WorkerLease(claims, clock, settings.worker)))
            rows = opening.enter_context(closing(CqlSession(as_app)))
            look = Look(rows, keyspaces(settings).lwt)
            progress = Progress([Part("rows", ON_ROWS, look.read)])
            opening.callback(progress.close)
            views = _views(progress, look, journal, settings.wait_ms, Standings(clock.now_ms))
            revocations = CqlRevocations(claims, clock.now_ms())
        shared_limits = redis_limits.opened(settings.redis_limits_urls, opening)
        return Parts(
            journal,
            lease.next_id,
            CqlCredentials(claims, settings.refresh_token_days * DAY_MS),
            CqlApps(claims),
            seals,
            revocations,
            views,
            Privacy(CqlDepartures(claims), ServerCopies(settings, rows)),
            opening.pop_all().close,
            bridge.bridged,
            lambda: log.fatal,
            lambda: {"worker number": lease.trouble is None, "revocations": revocations.current},
            lambda: [registration.trouble] if registration.trouble else [],
            CqlSubscriptions(claims) if settings.push_contact else None,
            shared_limits,
        )


def _views(progress: Progress, look: Look, journal: Journal, wait_ms: int, standings: Standings) -> Views:
    authors = ServerSource(look.rows(CqlAccountsReader), progress)
    places = KeptPlaces(authors, bridge.wait)
    places.followers.append(standings)
    progress.tell(accounts.PROJECTION, places)
    return Views(
        View("accounts", authors, accounts.TOPICS),
        View("tweets", ServerSource(look.rows(CqlTweetsReader), progress), tweets.TOPICS),
        View("graph", ServerSource(look.rows(CqlGraphReader), progress), graph.TOPICS),
        View("engagement", ServerSource(look.rows(CqlEngagementReader), progress), engagement.TOPICS),
        View("media", ServerSource(look.rows(CqlMediaReader), progress), media.TOPICS),
        journal,
        wait_ms,
        places.of,
        moderation=View("moderation", ServerSource(look.rows(CqlModerationReader), progress), moderation.TOPICS),
        standings=standings,
        told=True,
        notifications=View(
            "notifications", ServerSource(look.rows(CqlNotificationsReader), progress), notifications.TOPICS
        ),
    )
