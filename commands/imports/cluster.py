"""An import's ledger on Kafka: names first, then the events, then the event that says that they are there.

Guarantee: a name is ours before its account is on the log; `ImportAdvanced` is appended after all events before it were
acknowledged. Kafka's transactions are not leaned on: what was on the log when the process was killed, and not yet said
to be, is appended again. So each partition holds each of its records in the order of the plan, some of them twice,
which no projection counts twice (docs/imports.md). Two processes that import one file do no more harm than that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing, contextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from commands.imports.cluster_lags import ClusterLags
from commands.imports.cluster_passwords import give
from commands.imports.ledger import Chunk, Source, check_options
from commands.imports.names import ClusterNames
from infra.cluster import check_tables, check_topics, prepare
from infra.cql.roles import role
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.journal.embedded import record_of
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from schemas.catalogue import IMPORTS
from schemas.codec import decode
from schemas.operations.events import ImportAdvanced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from commands.imports.passwords import Registered
    from infra.settings import Settings

    Give = Callable[[Iterable[Registered], str], None]

CHUNKS_IN_FLIGHT = 4  # 16,000 records: enough to keep the brokers busy while the next chunk is made
READ_AT_ONCE = 1_000


class ClusterLedger:
    """The ledger of one source on the brokers that the settings name; used by one thread at a time."""

    def __init__(self, bootstrap: str, names: ClusterNames, source: Source) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._source = source
        self._log = KafkaEventLog(self._bootstrap)
        self._runner = asyncio.Runner()
        self._in_flight: deque[asyncio.Task[None]] = deque()
        self._done = 0

    def steps_done(self) -> int:
        """Return how many steps are done; raises ImportConflictError where the file was imported in another way."""
        with closing(KafkaLogReader(self._bootstrap, (IMPORTS,))) as reader:
            advances = list(_advances(reader))
        check_options(self._source, {advanced.source for advanced in advances})
        ours = (advanced.steps for advanced in advances if advanced.source == self._source.name)
        self._done = max(ours, default=0)
        return self._done

    def append(self, chunk: Chunk) -> int:
        """Claim and send; return how many steps are done: up to CHUNKS_IN_FLIGHT chunks fewer than were taken."""
        self._names.take(chunk.claims)
        self._runner.run(self._take(chunk))
        return self._done

    async def _take(self, chunk: Chunk) -> None:
        while len(self._in_flight) >= CHUNKS_IN_FLIGHT:
            await self._in_flight.popleft()
        before = self._in_flight[-1] if self._in_flight else None
        self._in_flight.append(asyncio.create_task(self._deliver(chunk, before)))
        await asyncio.sleep(0)  # the task hands its records to the producer: chunks go in order

    async def _deliver(self, chunk: Chunk, before: asyncio.Task[None] | None) -> None:
        await self._log.append([record_of(event) for event in chunk.events])
        if before:
            await before  # where that failed, this chunk is not done either
        await self._log.append([record_of(chunk.advanced(self._source))])
        self._done = chunk.after

    def settle(self) -> int:
        """Return how many steps are done, when all that was sent is acknowledged."""
        while self._in_flight:
            self._runner.run(_outcome(self._in_flight.popleft()))
        return self._done

    def close(self) -> None:
        """Leave the brokers; what was not acknowledged is appended by the next run."""
        leaving = Thread(target=self._leave)  # whoever closes may have an event loop of its own
        leaving.start()
        leaving.join()

    def _leave(self) -> None:
        self._runner.run(_ended(self._in_flight))
        self._runner.close()
        self._log.close()


@contextmanager
def opened_cluster(
    settings: Settings, source: Source, say: Callable[[str], None]
) -> Iterator[tuple[Settings, ClusterLedger, ClusterLags, Give]]:
    """Find the servers, make topics and tables where there are none yet, and connect; raises TroubleError."""
    settings = servers_of(settings)
    if not _is_prepared(settings):
        prepare(settings, say)
    with (
        closing(_names_session(settings)) as session,
        closing(ClusterLags(settings)) as lags,
        closing(ClusterLedger(settings.kafka_bootstrap, ClusterNames(session), source)) as ledger,
    ):
        yield settings, ledger, lags, partial(give, session)


def _is_prepared(settings: Settings) -> bool:
    try:
        check_topics(settings)
        with closing(_names_session(settings)) as session:
            check_tables(session, settings)
    except TroubleError:
        return False
    return True


def _names_session(settings: Settings) -> CqlSession:
    return CqlSession(role(settings, "app"), keyspace=keyspaces(settings).lwt)


async def _outcome(task: asyncio.Task[None]) -> None:
    await task


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _advances(reader: KafkaLogReader) -> Iterator[ImportAdvanced]:
    """Yield how far imports came: one event for each chunk of each import, some hundred for a million events."""
    for (topic, partition), end in reader.end_offsets((IMPORTS,)).items():
        at = reader.first_offset(topic, partition)
        while at < end and (batch := reader.read(topic, partition, at, READ_AT_ONCE)):
            yield from (event for event in map(decode, batch.values) if isinstance(event, ImportAdvanced))
            at = batch.next_offset
