"""Makes one Faust app per projection, and runs several of them in one event loop.

A projection's agent is a function of `streams/<projection>/agent.py`, beside the topics it consumes:

    \"\"\"Consumes accounts into the accounts projection.

    Consumes: … Writes: … Guarantee: … Rebuild: …
    \"\"\"
    TOPICS = ("accounts",)

    async def accounts_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        async for batch in batches:
            await loop.handle(batch)

The composition root makes the loop and calls `build_app("accounts", TOPICS, accounts_agent, loop, log, tail)` for each
projection, then awaits `run_apps(apps)`, all inside one event loop. One app per projection, because Faust commits (and
waits) per app: in one app a slow projection would hold up the others.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import faust
from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager

from infra.log.port import TopicPartition
from streams import transports
from streams.errors import AppCrashedError
from streams.transports.kafkabatch import KafkaSource
from streams.transports.sqlog import LogSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence

    from infra.log.port import Batch, LogReader
    from streams.loop import ProjectionLoop
    from streams.metrics import StreamMetrics
    from streams.transports.sqlog import LogTail

logger = logging.getLogger(__name__)

SWITCH_S = 0.0005
STOP_SECONDS = 5.0  # the batch in hand takes milliseconds; a store that is down must not hold up a restart


class Agent(Protocol):
    """What `streams/<projection>/agent.py` defines."""

    async def __call__(self, batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
        """Handle every batch; returns only when the stream ends."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How much an app reads ahead. Measured: throughput is flat from 500 to 5,000 records a batch."""

    batch_records: int = 1_000
    buffered_batches: int = 4


class _NoTables(TableManager):  # type: ignore[misc]  # Faust is untyped here
    """Faust's recovery without its fixed second of sleep, which waits for tables that we do not have."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class ProjectionApp(faust.App):  # type: ignore[misc]  # Faust is untyped here
    """A Faust app that reads `source` and leaves no folders behind."""

    source: LogSource | KafkaSource
    agent_task: asyncio.Task[None] | None = None
    has_begun = False
    """Whether it has been given its partitions, if only none, and stands where its store says."""

    def _create_directories(self) -> None:
        """Do nothing: these hold tables, and state is kept in stores."""

    def owned(self) -> frozenset[TopicPartition]:
        """Return the partitions that this worker reads now; none before it is started or while they are given out."""
        try:
            return frozenset(TopicPartition(*tp) for tp in self.consumer.assignment())
        except ConsumerNotStarted:
            return frozenset()


def group_of(projection: str, generation: int) -> str:
    """Return the name of an app, and of its consumer group: Faust puts the version behind, but for the first."""
    return f"murmur-{projection}" if generation == 1 else f"murmur-{projection}-v{generation}"


def build_app(
    name: str,
    topics: Sequence[str],
    agent: Agent,
    loop: ProjectionLoop,
    log: LogReader,
    tail: LogTail,
    settings: StreamSettings = StreamSettings(),
) -> ProjectionApp:
    """Return the app of the loop's generation, ready to start; the loop must be the only writer of its store."""
    source = LogSource(log, tail, loop.checkpoints, settings.batch_records)
    return _build(name, topics, agent, loop, source, settings, {"broker": "sqlog://"})


def build_cluster_app(
    name: str,
    topics: Sequence[str],
    agent: Agent,
    loop: ProjectionLoop,
    bootstrap: str,
    instance: str | None = None,
    settings: StreamSettings = StreamSettings(),
) -> ProjectionApp:
    """Return the app on Kafka: its workers share the partitions, each partition has one at a time.

    Each generation has a consumer group of its own: `murmur-<name>`, from the second on `murmur-<name>-v<number>`.

    `instance` names this worker among those of the app (see streams.transports.kafkabatch.KafkaSource). Agent and store
    run bridged: while a store waits for the network, other projections and Kafka's heartbeats go on.
    """
    from infra.bridge import bridged  # noqa: PLC0415 - installed where there are servers

    async def checkpoints() -> Mapping[TopicPartition, int]:
        return loop.checkpoints()

    source = KafkaSource(bootstrap, lambda: bridged(checkpoints()), instance)
    return _build(name, topics, agent, loop, source, settings, source.options(settings.batch_records), bridged)


def _build(
    name: str,
    topics: Sequence[str],
    agent: Agent,
    loop: ProjectionLoop,
    source: LogSource | KafkaSource,
    settings: StreamSettings,
    broker: Mapping[str, Any],
    below: Callable[[Coroutine[Any, Any, None]], Awaitable[None]] = lambda agent: agent,
) -> ProjectionApp:
    transports.register()
    app = ProjectionApp(
        f"murmur-{name}",
        **broker,
        version=loop.generation,
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / "murmur-faust"),  # named, never made
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        key_serializer="raw",
        value_serializer="raw",
        stream_buffer_maxsize=settings.buffered_batches,
        stream_wait_empty=True,  # a stop waits for the batch in hand
        stream_recovery_delay=0.0,
        agent_supervisor="mode.CrashingSupervisor",
        worker_redirect_stdouts=False,
        TableManager=_NoTables,
    )
    app.source = source

    async def run(batches: Any) -> None:
        app.agent_task = asyncio.ensure_future(_awaited(below(agent(batches, loop))))
        await app.agent_task

    channel = app.topic(*topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    app.agent(channel, name=name, concurrency=1)(run)
    return app


async def _awaited(agent: Awaitable[None]) -> None:
    await agent


async def run_apps(apps: Sequence[ProjectionApp], stop: asyncio.Event | None = None) -> None:
    """Run the apps until SIGTERM, SIGINT or `stop`, then let each finish its batch; returns when all have stopped.

    Raises AppCrashedError as soon as one of them has died: let it end the process, which must not go on in part.
    """
    stop = stop or asyncio.Event()
    lives = [asyncio.create_task(live(app)) for app in apps]
    stopping = asyncio.create_task(stop.wait())
    try:
        with stopped_by_signals(stop):
            await asyncio.wait([*lives, stopping], return_when=asyncio.FIRST_COMPLETED)
            dead = [app for app, life in zip(apps, lives, strict=True) if life.done()]
            await asyncio.gather(*(stop_app(app) for app in apps))
    finally:
        for task in (*lives, stopping):
            task.cancel()
    for app in dead:
        raise AppCrashedError(f"{app.conf.id} died: {app.crash_reason!r}") from app.crash_reason


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at SIGTERM and SIGINT while the block runs."""
    running = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        running.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            running.remove_signal_handler(number)


async def live(app: ProjectionApp) -> None:
    """Run the app; returns when it has crashed or was stopped."""
    try:
        await app.start()
    except Exception as error:
        logger.exception("%s: cannot start", app.conf.id)
        await app.crash(error)
    await app.wait()


async def stop_app(app: ProjectionApp) -> None:
    """Stop the app; a batch that is not done in time is thrown out, not acknowledged, and will come again."""
    stopping = asyncio.create_task(app.stop())
    done, _ = await asyncio.wait((stopping,), timeout=STOP_SECONDS)
    if not done and app.agent_task is not None:
        logger.warning("%s: the batch in hand is not done after %.1f s; it will come again", app.conf.id, STOP_SECONDS)
        app.agent_task.cancel()  # not the stop itself: Faust's wait for the batch swallows a cancellation
    await stopping


def collect_garbage_rarely() -> None:
    """Leave what lives as long as the process out of collections; a fifth of the CPU of a bulk load went there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def let_threads_take_turns() -> None:
    """Let nobody hold the interpreter for long: on its way a record goes from thread to thread, some seven times.

    Fetched in one, applied in another, and each answer of Cassandra comes in a third. By default each such step waits
    5 ms for whoever computes: 6 ms on average where two do, against 1.
    """
    sys.setswitchinterval(SWITCH_S)


def watch_lag(
    metrics: StreamMetrics,
    loop: ProjectionLoop,
    topics: Sequence[str],
    log: LogReader,
    worker: ProjectionApp | None = None,
) -> None:
    """Export how far the projection is behind, asked of the log at each scrape: scrape in the thread that reads it.

    Where workers share the partitions, each tells of its own: their sum is the projection's lag.
    """

    def ends() -> dict[TopicPartition, int]:
        owned = None if worker is None else worker.owned()
        return {at: end for at, end in log.end_offsets(topics).items() if owned is None or at in owned}

    metrics.watch_lag(loop.name, loop.generation, lambda: loop.lag(ends()).events, lambda: loop.lag(ends()).seconds)
