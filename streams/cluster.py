"""What the stream processes of the cluster profile are made of: Kafka, and a store of each projection's kind.

Workers share the partitions. There is no writer's lock: the stores' fences, and the log's order in every write, keep a
worker out that was driven out of a partition.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from zlib import crc32

from infra.auth.cql_data_keys import seals_on_servers
from infra.bridge import bridged
from infra.clock import SystemClock
from infra.cluster import (
    TOPICS,
    cassandra_trouble,
    check_tables,
    check_topics,
    kafka_trouble,
)
from infra.cql.generations import FAMILY, READ, decoded
from infra.cql.roles import role
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.generations.record import unrecorded
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogUnavailableError
from infra.projections import StoreError, StoreUnavailableError
from infra.servers.fleet import servers_of
from infra.status import PROJECTION_TOPICS
from schemas import codec
from schemas.catalogue import DEAD_LETTERS
from schemas.ids import MAX_WORKER, SnowflakeGenerator
from streams.app import StreamSettings, build_cluster_app
from streams.buried import Buried
from streams.dead_letters import DeadLetters
from streams.errors import check_reached
from streams.loop import EXIT_CODE, end_process, label
from streams.server_stores import ServerStores, places, version_of
from streams.watched import WatchedStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

    from infra.generations.record import Record
    from infra.log.port import Batch, EventLog, TopicPartition
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.app import ProjectionApp
    from streams.loop import ProjectionLoop
    from streams.parts import Projection, PushParts

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # how long an emptied store may go unnoticed while no record comes
DEAD_LETTER_WORKER = MAX_WORKER  # of the ids of dead letters; commands count their workers from 0
LOOK_BOUND_SECONDS = 2.0


class ClusterParts:
    """The log, the dead letters and the stores (see streams.parts.Parts); made once a process."""

    def __init__(self, settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> None:
        self._settings = servers_of(settings)
        self._open_things = open_things
        self._opened: CqlSession | None = None
        self._engines = ServerStores(self._settings, self._session, open_things)
        self._look: asyncio.Task[bool] | None = None
        self._names = [projection.name for projection in wanted]
        self._stores: dict[tuple[str, int], WatchedStore] = {}
        self._loops: dict[tuple[str, int], tuple[ProjectionLoop, ProjectionApp]] = {}
        codec.open_with(seals_on_servers(self._settings, self._session))
        bootstrap = self._settings.kafka_bootstrap
        check_topics(self._settings)
        with kafka_trouble(self._settings):
            topics = sorted({topic for projection in wanted for topic in projection.topics})
            self._reader = open_things.enter_context(closing(KafkaLogReader(bootstrap, topics)))
            self._producer = open_things.enter_context(closing(KafkaEventLog(bootstrap)))
        ids = SnowflakeGenerator(DEAD_LETTER_WORKER, SystemClock().now_ms)
        self.dead_letters = DeadLetters(self._producer, ids, Buried(self._letters_reader), asyncio.to_thread)
        self.log = KnownEnds(self._reader)

    def _letters_reader(self) -> KafkaLogReader:
        return self._open_things.enter_context(closing(KafkaLogReader(self._settings.kafka_bootstrap, [DEAD_LETTERS])))

    async def records(self) -> Mapping[str, Record]:
        """Read what is recorded of the generations."""
        return await bridged(self._read_records())

    async def _read_records(self) -> Mapping[str, Record]:
        with cassandra_trouble(self._settings):
            found = decoded(self._session().run(READ.format(keyspaces(self._settings).lwt), (FAMILY,)))
        return {name: found.get(name) or unrecorded(name) for name in self._names}

    def schema_version(self, projection: Projection) -> int:
        """Return the version of the store on servers."""
        return version_of(projection)

    async def open_store(self, projection: Projection, generation: int, open_things: ExitStack) -> ProjectionStore:
        """Open the store of a generation; raises TroubleError where it cannot be what it should be."""
        store = WatchedStore(await bridged(self._opened_store(projection, generation)))
        open_things.enter_context(closing(store))
        place = projection.name, generation
        self._stores[place] = store
        open_things.callback(self._stores.pop, place)
        return store

    async def _opened_store(self, projection: Projection, generation: int) -> ProjectionStore:
        with kafka_trouble(self._settings):
            log_id = self._reader.log_id_of(projection.topics)
        store = self._engines.open(projection.name, log_id, generation)
        try:
            self._check_reached(projection, store)
        except BaseException:
            store.close()
            raise
        return store

    def _check_reached(self, projection: Projection, store: ProjectionStore) -> None:
        if projection.name not in PROJECTION_TOPICS:
            return  # what works outside of stores begins where it wants to
        try:
            done = store.checkpoints()
        except StoreUnavailableError:
            return  # Elasticsearch is away: if the log begins behind it, reading fails, and the next start looks again
        with kafka_trouble(self._settings):
            firsts = self._reader.first_offsets(projection.topics)
        check_reached(projection.name, done, firsts)

    def places(self, projection: Projection) -> bool:
        """Tell whether the store takes each write with the place of its record."""
        return places(projection.name)

    def _session(self) -> CqlSession:
        if self._opened is None:
            self._opened = self._open_things.enter_context(closing(CqlSession(role(self._settings, "app"))))
            check_tables(self._opened, self._settings)
        return self._opened

    def build_app(self, projection: Projection, loop: ProjectionLoop, reading: StreamSettings) -> ProjectionApp:
        """Return the app of the loop's generation, one of many of its kind."""
        member = member_name(self._settings)
        bootstrap = self._settings.kafka_bootstrap
        app = build_cluster_app(projection.name, projection.topics, projection.agent, loop, bootstrap, member, reading)
        self._loops[projection.name, loop.generation] = loop, app
        return app

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Ask Kafka where the partitions of these topics end; blocks."""
        with kafka_trouble(self._settings):
            return self._reader.end_offsets(topics)

    def open_facts(self) -> EventLog:
        """Return the producer that dead letters have, too."""
        return self._producer

    def open_push(self) -> PushParts:
        """Open sessions of its own, and one poll of the read models."""
        from streams.push.servers import open_push  # noqa: PLC0415 - few installations push

        with cassandra_trouble(self._settings):
            return open_push(self._settings, self._session(), self._open_things)

    async def look(self) -> dict[str, bool]:
        """Tell, by part, whether it does its work: the log answers, a projection has begun and its store answers.

        A projection is its active generation: others come and go while this one works.
        """
        active = [place for place in self._stores if place in self._loops and self._loops[place][0].active]
        log, *stores = await asyncio.gather(self._log_answers(), *map(self._works, active))
        return {"log": log, **dict(zip((name for name, _ in active), stores, strict=True))}

    async def _log_answers(self) -> bool:
        if self._look is None or self._look.done():  # else the last one still waits for Kafka, which has gone away
            self._look = asyncio.create_task(self._look_at_log())
        try:
            async with asyncio.timeout(LOOK_BOUND_SECONDS):
                return await asyncio.shield(self._look) and self._producer.fatal is None
        except TimeoutError:
            return False

    async def _look_at_log(self) -> bool:
        try:
            await asyncio.to_thread(self.log.look)
        except LogUnavailableError:
            return False
        return True

    async def _works(self, place: tuple[str, int]) -> bool:
        try:
            async with asyncio.timeout(LOOK_BOUND_SECONDS):
                await bridged(_checkpoints(self._stores[place]))
        except (StoreError, TimeoutError):
            return False
        return self._loops[place][1].has_begun

    async def guard(self) -> None:
        """End the process when a store has lost what it had: it begins again where that store now is."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._producer.fatal is not None:
                logger.critical("dead letters cannot be written any more: %s", self._producer.fatal)
                end_process(EXIT_CODE)
            for which, store in tuple(self._stores.items()):
                with contextlib.suppress(StoreError):  # it is away; whoever writes to it says so
                    if (place := await bridged(_lost(store))) and which in self._stores:
                        logger.critical("%s: the store has lost what it had of %s[%d]", label(*which), *place)
                        end_process(EXIT_CODE)


class KnownEnds:
    """The log (LogReader); its ends are as of the last look, because asking takes the network."""

    def __init__(self, reader: KafkaLogReader) -> None:
        self._reader = reader
        self._ends: dict[TopicPartition, int] = {}

    @property
    def log_id(self) -> str:
        """The name of the log."""
        return self._reader.log_id

    def look(self) -> None:
        """Ask for the ends; blocks, and is for one caller at a time."""
        self._ends = self._reader.end_offsets(TOPICS)

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return the ends that are known."""
        return {place: end for place, end in self._ends.items() if place.topic in topics}

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self._reader.partitions(topic)

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        """Read; blocks."""
        return self._reader.read(topic, partition, offset, max_records)


def member_name(settings: Settings) -> str | None:
    """Return by which name Kafka knows this process again when it has started anew; None for one that has none."""
    if not settings.instance:
        return None
    installation = crc32(str(settings.data_dir.absolute()).encode())
    return f"{socket.gethostname()}-{installation:08x}-{settings.instance}"


async def _checkpoints(store: WatchedStore) -> Mapping[TopicPartition, int]:
    return store.checkpoints()


async def _lost(store: WatchedStore) -> TopicPartition | None:
    return store.lost()
