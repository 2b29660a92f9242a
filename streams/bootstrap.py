"""Makes the stream process: the table of all projections, and what they are made of on files.

What they are made of on servers is streams.cluster's. Nothing else in streams opens a file or reads a setting.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from infra.clock import SystemClock
from infra.log import embedded
from infra.projections import placed
from infra.servers.fleet import located
from infra.sqlite.projection_store import generation_path
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
from projections.notifications import projector as notifications
from projections.notifications.sqlite import SqliteNotificationsStore
from projections.search import projector as search
from projections.search.sqlite import SqliteSearchStore
from projections.trends import projector as trends
from projections.trends.sqlite import SqliteTrendsStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsStore
from schemas.ids import MAX_WORKER, SnowflakeGenerator
from streams.accounts import agent as accounts_agent
from streams.app import StreamSettings, build_app, collect_garbage_rarely, run_apps, watch_lag
from streams.dead_letters import DeadLetters
from streams.decoded import DecodedBatches
from streams.dlq import Retried, retry
from streams.engagement import agent as engagement_agent
from streams.graph import agent as graph_agent
from streams.home_timeline import agent as home_timeline_agent
from streams.loop import ProjectionLoop
from streams.metrics import StreamMetrics
from streams.metrics_server import served
from streams.notifications import agent as notifications_agent
from streams.parts import Projection
from streams.push.bootstrap import PUSH, is_wanted, open_effects, open_loop
from streams.search import agent as search_agent
from streams.trends import agent as trends_agent
from streams.tweets import agent as tweets_agent
from streams.writer_lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infra.log.port import TopicPartition
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.app import ProjectionApp
    from streams.parts import Parts, PushParts

logger = logging.getLogger(__name__)

LAG_LINE_SECONDS = 60.0
DEAD_LETTER_WORKER = MAX_WORKER  # of the ids of dead letters; commands count their workers from 0


def _home_timeline_store(path: Path, log_id: str, settings: Settings) -> ProjectionStore:
    return SqliteHomeTimelineStore(
        path, log_id, celebrity_followers=settings.celebrity_followers, active_days=settings.active_days
    )


PROJECTIONS: tuple[Projection, ...] = (
    Projection(
        "accounts",
        accounts_agent.TOPICS,
        accounts_agent.accounts_agent,
        accounts.project,
        lambda path, log_id, _: SqliteAccountsStore(path, log_id),
    ),
    Projection(
        "tweets",
        tweets_agent.TOPICS,
        tweets_agent.tweets_agent,
        tweets.project,
        lambda path, log_id, _: SqliteTweetsStore(path, log_id),
    ),
    Projection(
        "graph",
        graph_agent.TOPICS,
        graph_agent.graph_agent,
        graph.project,
        lambda path, log_id, _: SqliteGraphStore(path, log_id),
    ),
    Projection(
        "engagement",
        engagement_agent.TOPICS,
        engagement_agent.engagement_agent,
        engagement.project,
        lambda path, log_id, _: SqliteEngagementStore(path, log_id),
    ),
    Projection(
        "home_timeline",
        home_timeline_agent.TOPICS,
        home_timeline_agent.home_timeline_agent,
        home_timeline.project,
        _home_timeline_store,
    ),
    Projection(
        "search",
        search_agent.TOPICS,
        search_agent.search_agent,
        search.project,
        lambda path, log_id, _: SqliteSearchStore(path, log_id),
    ),
    Projection(
        "trends",
        trends_agent.TOPICS,
        trends_agent.trends_agent,
        trends.project,
        lambda path, log_id, _: SqliteTrendsStore(path, log_id),
    ),
    Projection(
        "notifications",
        notifications_agent.TOPICS,
        notifications_agent.notifications_agent,
        notifications.project,
        lambda path, log_id, _: SqliteNotificationsStore(path, log_id),
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
    with ExitStack() as open_things:
        parts = _open_parts(settings, wanted, open_things)
        registry = CollectorRegistry()
        decoded, metrics = DecodedBatches(), StreamMetrics(registry)
        apps: list[ProjectionApp] = []
        loops: list[ProjectionLoop] = []
        effects = open_effects(settings, parts, registry) if PUSH in wanted else None
        for projection in wanted:
            store = open_things.enter_context(closing(parts.open_store(projection)))
            placing = parts.places(projection)
            if effects is not None and projection is PUSH:
                loop: ProjectionLoop = open_loop(
                    effects, parts, store, parts.dead_letters, decoded, metrics, placing=placing
                )
            else:
                loop = ProjectionLoop(
                    projection.name, projection.project, store, parts.dead_letters, decoded, metrics, placing=placing
                )
            apps.append(parts.build_app(projection, loop, StreamSettings(batch_records=settings.batch_records)))
            watch_lag(metrics, loop, projection.topics, parts.log, apps[-1])
            loops.append(loop)
        besides = [asyncio.create_task(_tell_lag(wanted, loops, parts)), asyncio.create_task(parts.guard())]
        collect_garbage_rarely()
        try:
            async with served(registry, settings, parts.look):
                await run_apps(apps, stop)
        finally:
            for task in besides:
                task.cancel()
            if effects is not None:
                await effects.close()


async def retry_dead_letters(settings: Settings, name: str) -> Retried:
    """Try the dead letters of a projection again; on files, raises TroubleError while another process runs it."""
    (projection,) = (projection for projection in PROJECTIONS if projection.name == name)
    with ExitStack() as open_things:
        parts = _open_parts(settings, [projection], open_things)
        store = open_things.enter_context(closing(parts.open_store(projection)))
        project = placed(projection.project) if parts.places(projection) else projection.project
        return await retry(name, project, store, parts.log, parts.dead_letters)


def _open_parts(settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> Parts:
    if settings.profile == "cluster":
        from streams.cluster import ClusterParts  # noqa: PLC0415 - its clients are installed where there are servers

        return ClusterParts(settings, wanted, open_things)
    return FileParts(settings, wanted, open_things)


class FileParts:
    """The log, the dead letters and the stores on files; this process is the projections' one writer."""

    def __init__(self, settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> None:
        for projection in wanted:
            open_things.enter_context(closing(WriterLock(_path(settings, projection).parent)))
        partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(settings.log_dir, partitions)
        self._settings = settings
        self._open_things = open_things
        self.log = open_things.enter_context(closing(embedded.EmbeddedLogReader(settings.log_dir)))
        derived = open_things.enter_context(closing(embedded.open_appender(settings.log_dir, "derived", partitions)))
        self.dead_letters = DeadLetters(derived, SnowflakeGenerator(DEAD_LETTER_WORKER, SystemClock().now_ms))
        self._tail = open_things.enter_context(closing(embedded.EmbeddedLogTail(settings.log_dir)))

    def open_store(self, projection: Projection) -> ProjectionStore:
        """Open the file of a projection."""
        return projection.open_store(_path(self._settings, projection), self.log.log_id, self._settings)

    def places(self, projection: Projection) -> bool:  # noqa: ARG002 - the same for all
        """Files have transactions, and need no places."""
        return False

    def build_app(self, projection: Projection, loop: ProjectionLoop, reading: StreamSettings) -> ProjectionApp:
        """Return the projection's app."""
        return build_app(projection.name, projection.topics, projection.agent, loop, self.log, self._tail, reading)

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return where the partitions of these topics end."""
        return self.log.end_offsets(topics)

    def open_push(self) -> PushParts:
        """Open the file of devices, and the read models as readers."""
        from streams.push.files import open_push  # noqa: PLC0415 - few installations push

        return open_push(self._settings, self._open_things)

    async def look(self) -> Mapping[str, bool]:
        """Nothing to ask: files are there as long as the process is."""
        return {"log": True}

    async def guard(self) -> None:
        """Nothing to watch: files that are replaced live on until their process ends."""


def _path(settings: Settings, projection: Projection) -> Path:
    return generation_path(settings.projections_dir, projection.name)


async def _tell_lag(projections: Sequence[Projection], loops: Sequence[ProjectionLoop], parts: Parts) -> None:
    while True:
        await asyncio.sleep(LAG_LINE_SECONDS)
        await parts.look()
        waiting = {
            projection.name: loop.lag(parts.log.end_offsets(projection.topics)).events
            for projection, loop in zip(projections, loops, strict=True)
        }
        logger.info("records waiting", extra={"fields": {"records": waiting}})
