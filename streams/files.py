"""What the stream process of the embedded profile is made of: the log, the dead letters and the stores, on files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import apsw

from infra.archive.opening import archived
from infra.auth.seals import seals_on_files
from infra.clock import SystemClock
from infra.generations.files import FileGenerations
from infra.log import embedded
from infra.projections import StoreError
from infra.sqlite.projection_store import generation_path
from schemas import codec
from schemas.ids import MAX_WORKER, SnowflakeGenerator
from streams.app import StreamSettings, build_app
from streams.buried import Buried
from streams.dead_letters import DeadLetters
from streams.writer_lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack

    from infra.generations.record import Record
    from infra.log.port import EventLog, TopicPartition
    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.app import ProjectionApp
    from streams.loop import ProjectionLoop
    from streams.parts import Projection, PushParts

DEAD_LETTER_WORKER = MAX_WORKER  # of the ids of dead letters; commands count their workers from 0


class FileParts:
    """The log, the dead letters and the stores (see streams.parts.Parts); each generation has one writing process."""

    def __init__(self, settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> None:
        partitions = {topic: settings.partitions for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(settings.log_dir, partitions)
        codec.open_with(seals_on_files(settings))
        self._settings = settings
        self._partitions = partitions
        self._open_things = open_things
        self._names = [projection.name for projection in wanted]
        self._generations = FileGenerations(settings.projections_dir)
        self.log = open_things.enter_context(closing(archived(settings, embedded.EmbeddedLogReader(settings.log_dir))))
        derived = open_things.enter_context(closing(embedded.open_appender(settings.log_dir, "derived", partitions)))
        ids = SnowflakeGenerator(DEAD_LETTER_WORKER, SystemClock().now_ms)
        self.dead_letters = DeadLetters(derived, ids, Buried(lambda: self.log))
        self._tail = open_things.enter_context(closing(embedded.EmbeddedLogTail(settings.log_dir)))

    async def records(self) -> Mapping[str, Record]:
        """Return what is recorded: one `stat` a projection."""
        return {name: self._generations.of(name) for name in self._names}

    def schema_version(self, projection: Projection) -> int:
        """Return the version of the store on files."""
        return projection.schema_version

    async def open_store(self, projection: Projection, generation: int, open_things: ExitStack) -> ProjectionStore:
        """Open the file of a generation, which no other process may have for writing."""
        path = generation_path(self._settings.projections_dir, projection.name, generation)
        open_things.enter_context(closing(WriterLock(path)))
        try:
            store = projection.open_store(path, self.log.log_id, self._settings)
        except apsw.Error as error:  # a damaged file of one generation is not the end of the others
            raise StoreError(f"{path} cannot be opened ({type(error).__name__}: {error}); delete it") from error
        return open_things.enter_context(closing(store))

    def places(self, projection: Projection) -> bool:  # noqa: ARG002 - the same for all
        """Files have transactions, and need no places."""
        return False

    def build_app(self, projection: Projection, loop: ProjectionLoop, reading: StreamSettings) -> ProjectionApp:
        """Return the app of the loop's generation."""
        return build_app(projection.name, projection.topics, projection.agent, loop, self.log, self._tail, reading)

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return where the partitions of these topics end."""
        return self.log.end_offsets(topics)

    def open_facts(self) -> EventLog:
        """Open the file of facts for appending beside commands: offsets are given under SQLite's write lock."""
        return self._open_things.enter_context(
            closing(embedded.open_appender(self._settings.log_dir, "facts", self._partitions))
        )

    def open_push(self) -> PushParts:
        """Open the file of devices, and the read models as readers."""
        from streams.push.files import open_push  # noqa: PLC0415 - few installations push

        return open_push(self._settings, self._open_things)

    async def look(self) -> Mapping[str, bool]:
        """Nothing to ask: files are there as long as the process is."""
        return {"log": True}

    async def guard(self) -> None:
        """Nothing to watch: files that are replaced live on until their process ends."""
