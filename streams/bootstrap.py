"""Makes the stream process of the embedded profile: the table of all projections, and what each is made of.

Nothing else in streams opens a file or reads a setting.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import CollectorRegistry

from infra.clock import SystemClock
from infra.log import embedded
from infra.sqlite.projection_store import generation_path
from projections.accounts import projector as accounts
from projections.accounts.sqlite import SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement.sqlite import SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphStore
from projections.home_timeline import projector as home_timeline
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
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
from streams.metrics_server import metrics_served
from streams.tweets import agent as tweets_agent
from streams.writer_lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from infra.log.port import LogReader
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from schemas.envelope import Event
    from streams.app import Agent

logger = logging.getLogger(__name__)

LAG_LINE_SECONDS = 60.0
DEAD_LETTER_WORKER = MAX_WORKER  # of the ids of dead letters; commands count their workers from 0


class Projection(NamedTuple):
    """One projection: what it reads, how it decides, where it writes."""

    name: str
    topics: tuple[str, ...]
    agent: Agent
    project: Callable[[Sequence[Event]], Sequence[Any]]
    open_store: Callable[[Path, str, Settings], ProjectionStore]


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
)


async def run(settings: Settings, names: Sequence[str], stop: asyncio.Event | None = None) -> None:
    """Run the projections of these names until a signal or `stop`, then let each finish its batch.

    Raises TroubleError, WrongSpanError or AppCrashedError.
    """
    wanted = [projection for projection in PROJECTIONS if projection.name in names]
    with ExitStack() as open_things:
        log, dead_letters = _open_log(settings, wanted, open_things)
        tail = open_things.enter_context(closing(embedded.EmbeddedLogTail(settings.log_dir)))
        registry = CollectorRegistry()
        decoded, metrics = DecodedBatches(), StreamMetrics(registry)
        apps, loops = [], []
        for projection in wanted:
            store = projection.open_store(_path(settings, projection), log.log_id, settings)
            open_things.enter_context(closing(store))
            loop = ProjectionLoop(projection.name, projection.project, store, dead_letters, decoded, metrics)
            reading = StreamSettings(batch_records=settings.batch_records)
            apps.append(build_app(projection.name, projection.topics, projection.agent, loop, log, tail, reading))
            watch_lag(metrics, loop, projection.topics, log)
            loops.append(loop)
        lag_lines = asyncio.create_task(_tell_lag(wanted, loops, log))
        collect_garbage_rarely()
        try:
            async with metrics_served(registry, settings.host, settings.streams_metrics_port):
                await run_apps(apps, stop)
        finally:
            lag_lines.cancel()


async def retry_dead_letters(settings: Settings, name: str) -> Retried:
    """Try the dead letters of a projection again; raises TroubleError while the projection is run elsewhere."""
    wanted = [projection for projection in PROJECTIONS if projection.name == name]
    with ExitStack() as open_things:
        log, dead_letters = _open_log(settings, wanted, open_things)
        (projection,) = wanted
        store = projection.open_store(_path(settings, projection), log.log_id, settings)
        open_things.enter_context(closing(store))
        return await retry(name, projection.project, store, log, dead_letters)


def _open_log(
    settings: Settings, wanted: Sequence[Projection], open_things: ExitStack
) -> tuple[embedded.EmbeddedLogReader, DeadLetters]:
    """Become the one writer of the projections, then open the log and the way to the dead letters."""
    for projection in wanted:
        open_things.enter_context(closing(WriterLock(_path(settings, projection).parent)))
    partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
    embedded.ensure(settings.log_dir, partitions)
    log = open_things.enter_context(closing(embedded.EmbeddedLogReader(settings.log_dir)))
    derived = open_things.enter_context(closing(embedded.open_appender(settings.log_dir, "derived", partitions)))
    return log, DeadLetters(derived, SnowflakeGenerator(DEAD_LETTER_WORKER, SystemClock().now_ms))


def _path(settings: Settings, projection: Projection) -> Path:
    return generation_path(settings.projections_dir, projection.name)


async def _tell_lag(projections: Sequence[Projection], loops: Sequence[ProjectionLoop], log: LogReader) -> None:
    while True:
        await asyncio.sleep(LAG_LINE_SECONDS)
        waiting = {
            projection.name: loop.lag(log.end_offsets(projection.topics)).events
            for projection, loop in zip(projections, loops, strict=True)
        }
        logger.info("records waiting", extra={"fields": {"records": waiting}})
