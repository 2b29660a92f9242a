"""Makes the stream process: the table of all projections, and what they are made of on files.

What they are made of on servers is streams.cluster's. Nothing else in streams opens a file or reads a setting.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from infra.projections import placed
from infra.servers.fleet import located
from infra.status import kept
from infra.trouble import TroubleError
from projections.accounts import projector as accounts
from projections.accounts.sqlite import SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement.sqlite import SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphStore
from projections.home_timeline import projector as home_timeline
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
from projections.media import projector as media
from projections.media.sqlite import SqliteMediaStore
from projections.moderation import projector as moderation
from projections.moderation.sqlite import SqliteModerationStore
from projections.notifications import projector as notifications
from projections.notifications.sqlite import SqliteNotificationsStore
from projections.search import projector as search
from projections.search.sqlite import SqliteSearchStore
from projections.spam import projector as spam
from projections.spam.sqlite import SqliteSpamStore
from projections.trends import projector as trends
from projections.trends.sqlite import SqliteTrendsStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsStore
from streams.accounts import agent as accounts_agent
from streams.app import collect_garbage_rarely, let_threads_take_turns
from streams.decoded import DecodedBatches
from streams.dlq import Retried, retry
from streams.engagement import agent as engagement_agent
from streams.files import FileParts
from streams.following import Followers, lags
from streams.graph import agent as graph_agent
from streams.home_timeline import agent as home_timeline_agent
from streams.media import agent as media_agent
from streams.metrics import StreamMetrics
from streams.metrics_server import served
from streams.moderation import agent as moderation_agent
from streams.notifications import agent as notifications_agent
from streams.parts import Projection, plain, with_limits
from streams.processing import bootstrap as processing
from streams.push.bootstrap import PUSH, is_wanted, open_effects, open_loop
from streams.search import agent as search_agent
from streams.spam import agent as spam_agent
from streams.trends import agent as trends_agent
from streams.tweets import agent as tweets_agent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings import Settings
    from streams.parts import Parts

logger = logging.getLogger(__name__)

LAG_LINE_SECONDS = 60.0


PROJECTIONS: tuple[Projection, ...] = (
    Projection(
        "accounts",
        accounts_agent.TOPICS,
        accounts_agent.accounts_agent,
        accounts.project,
        plain(SqliteAccountsStore),
        schema_version=SqliteAccountsStore.SCHEMA_VERSION,
    ),
    Projection(
        "tweets",
        tweets_agent.TOPICS,
        tweets_agent.tweets_agent,
        tweets.project,
        plain(SqliteTweetsStore),
        schema_version=SqliteTweetsStore.SCHEMA_VERSION,
    ),
    Projection(
        "graph",
        graph_agent.TOPICS,
        graph_agent.graph_agent,
        graph.project,
        plain(SqliteGraphStore),
        schema_version=SqliteGraphStore.SCHEMA_VERSION,
    ),
    Projection(
        "engagement",
        engagement_agent.TOPICS,
        engagement_agent.engagement_agent,
        engagement.project,
        plain(SqliteEngagementStore),
        schema_version=SqliteEngagementStore.SCHEMA_VERSION,
    ),
    Projection(
        "home_timeline",
        home_timeline_agent.TOPICS,
        home_timeline_agent.home_timeline_agent,
        home_timeline.project,
        with_limits(SqliteHomeTimelineStore),
        schema_version=SqliteHomeTimelineStore.SCHEMA_VERSION,
    ),
    Projection(
        "search",
        search_agent.TOPICS,
        search_agent.search_agent,
        search.project,
        plain(SqliteSearchStore),
        schema_version=SqliteSearchStore.SCHEMA_VERSION,
    ),
    Projection(
        "trends",
        trends_agent.TOPICS,
        trends_agent.trends_agent,
        trends.project,
        plain(SqliteTrendsStore),
        schema_version=SqliteTrendsStore.SCHEMA_VERSION,
    ),
    Projection(
        "notifications",
        notifications_agent.TOPICS,
        notifications_agent.notifications_agent,
        notifications.project,
        plain(SqliteNotificationsStore),
        schema_version=SqliteNotificationsStore.SCHEMA_VERSION,
    ),
    Projection(
        "media",
        media_agent.TOPICS,
        media_agent.media_agent,
        media.project,
        plain(SqliteMediaStore),
        schema_version=SqliteMediaStore.SCHEMA_VERSION,
    ),
    Projection(
        "moderation",
        moderation_agent.TOPICS,
        moderation_agent.moderation_agent,
        moderation.project,
        plain(SqliteModerationStore),
        schema_version=SqliteModerationStore.SCHEMA_VERSION,
    ),
    Projection(
        "spam",
        spam_agent.TOPICS,
        spam_agent.spam_agent,
        spam.project,
        plain(SqliteSpamStore),
    ),
)


async def run(settings: Settings, names: Sequence[str], stop: asyncio.Event | None = None) -> None:
    """Run the projections of these names until a signal or `stop`, then let each finish its batch.

    Raises TroubleError, StoreError or AppCrashedError.
    """
    if settings.profile == "cluster":
        settings = located(settings)
    known = kept(settings)
    wanted = [it for it in PROJECTIONS if it.name in names and it.name in known]
    if not wanted:
        raise TroubleError(f"{', '.join(names)}: not kept by this installation", "see docs/cluster.md")
    if is_wanted(settings, {it.name for it in wanted}):
        wanted.append(PUSH)
    if processing.is_wanted({it.name for it in wanted}):
        wanted.append(processing.PROCESSING)
    with ExitStack() as open_things:
        parts = open_parts(settings, wanted, open_things)
        registry = CollectorRegistry()
        effects = open_effects(settings, parts, registry) if PUSH in wanted else None
        loops: dict[str, Any] = {} if effects is None else {PUSH.name: partial(open_loop, effects, parts)}
        if processing.PROCESSING in wanted:
            work = processing.open_work(settings, parts, registry)
            open_things.callback(work.close)
            loops[processing.PROCESSING.name] = partial(processing.open_loop, work)
        followers = Followers(parts, wanted, DecodedBatches(), StreamMetrics(registry), settings, loops)
        besides = [asyncio.create_task(_tell_lag(followers, parts)), asyncio.create_task(parts.guard())]
        collect_garbage_rarely()
        let_threads_take_turns()
        try:
            async with served(registry, settings, followers.look):
                await followers.run(stop)
        finally:
            for task in besides:
                task.cancel()
            if effects is not None:
                await effects.close()


async def retry_dead_letters(settings: Settings, name: str) -> Retried:
    """Try the dead letters of a projection again, in all generations that are followed; return how the active one did.

    On files, raises TroubleError while another process follows one of them.
    """
    (projection,) = (projection for projection in PROJECTIONS if projection.name == name)
    with ExitStack() as open_things:
        parts = open_parts(settings, [projection], open_things)
        project = placed(projection.project) if parts.places(projection) else projection.project
        record = (await parts.records())[name]
        followed = record.followed(parts.schema_version(projection))
        retried = Retried(0, 0)
        for it in sorted(followed, key=lambda it: it.number == record.active):  # the one that writes letters goes last
            store = await parts.open_store(projection, it.number, open_things)
            letters = parts.dead_letters if it.number == record.active else None
            retried = await retry(name, project, store, parts.log, letters)
        return retried


def open_parts(settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> Parts:
    """Open what the profile gives to these projections; raises TroubleError."""
    if settings.profile == "cluster":
        from streams.cluster import ClusterParts  # noqa: PLC0415 - its clients are installed where there are servers

        return ClusterParts(settings, wanted, open_things)
    return FileParts(settings, wanted, open_things)


async def _tell_lag(followers: Followers, parts: Parts) -> None:
    while True:
        await asyncio.sleep(LAG_LINE_SECONDS)
        await parts.look()
        logger.info("records waiting", extra={"fields": {"records": lags(followers, parts)}})
