"""Appends to the embedded log from one thread: whoever waits together is committed, and fsynced, together.

There is never a wait for a batch to fill: while one transaction is synced, the next one gathers. Checkpoints are made
here, after those who waited have been answered: neither their time nor their failure belongs to an append.

What a failure means. An append that is at fault itself (unknown topic, a guard that raises) fails alone: its group is
rolled back and its companions are appended one by one. Where the disk fails, the group is rolled back, all who wait
hear LogUnavailableError, nothing of it is readable, and the connection stays in use: the next append tries anew. One
doubt remains: rows whose last sync failed may lie whole in the write-ahead log, where recovery after a crash would
find them. A small commit is made over them at once; only if that fails too, and the process then dies before any
later append succeeds, can they appear. So whoever repeats an append that failed does it with an idempotency key.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import apsw

from infra.log import sqlite
from infra.log.batch_insert import BatchInsert
from infra.log.doorbell import Bell
from infra.log.port import LogUnavailableError, Position
from infra.sqlite.connections import is_disk_trouble, run_script, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from infra.log.port import Record

MAX_UNITS_PER_COMMIT = 512  # bounds the time the write lock is held: some 5 ms

CHECKPOINT_PAGES = 1000  # of 4 KiB in the write-ahead log: SQLite's own default


class Guard(Protocol):
    """What must hold for records to be appended, decided and recorded in their own transaction.

    Both may be called a second time, after what the first call wrote was rolled back.
    """

    def check(self, connection: apsw.Connection) -> object | None:
        """Return why the append must not happen, or None."""

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        """Write what goes with the append; positions are those of the records, in order."""


class AppendRefusedError(Exception):
    """A guard said no; `reason` is what it said. Nothing was written."""

    def __init__(self, reason: object) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Unit(NamedTuple):
    records: Sequence[Record]
    guard: Guard | None
    done: Callable[[list[Position] | Exception], None]


class GroupCommitLog:
    """One file's appender. Thread-safe; closes after what was handed in is done."""

    def __init__(
        self,
        path: Path,
        partitions: Mapping[str, int],
        schema: str = "",
        vfs: str | None = None,
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> None:
        self._connection = sqlite.create(path, partitions, vfs)
        run_script(self._connection, schema)
        self._topics = sqlite.topics_of(self._connection)
        self._checkpoint_pages = checkpoint_pages
        self._pages = 0
        self._connection.set_wal_hook(self._after_commit)
        self._bell = Bell(path)
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._resolved: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
        self._closing = False
        self._closing_lock = threading.Lock()  # nothing may enter the queue behind the mark that ends it
        self._thread = threading.Thread(target=self._run, name=f"commit-{path.stem}", daemon=True)
        self._thread.start()

    async def append(self, records: Sequence[Record], guard: Guard | None = None) -> list[Position]:
        """Append all records or none; return their positions when they are durable.

        Raises AppendRefusedError where the guard says no, LogUnavailableError where the disk does; KeyError for an
        unknown topic, ValueError for a record that cannot be stored, and whatever the guard raises.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[list[Position]] = loop.create_future()

        def done(outcome: list[Position] | Exception) -> None:
            self._resolved.setdefault(loop, []).append(lambda: _resolve(waiter, outcome))

        self._submit(_Unit(records, guard, done))
        return await waiter

    def append_blocking(self, records: Sequence[Record], guard: Guard | None = None) -> list[Position]:
        """Append from a thread that has no event loop; otherwise as `append`."""
        future: Future[list[Position]] = Future()

        def done(outcome: list[Position] | Exception) -> None:
            _resolve(future, outcome)

        self._submit(_Unit(records, guard, done))
        return future.result()

    def _submit(self, unit: _Unit) -> None:
        with self._closing_lock:
            if self._closing:
                raise LogUnavailableError("the log is closed")
            self._queue.put(unit)

    def _run(self) -> None:
        open_ = True
        while open_:
            units = [self._queue.get()]
            while len(units) < MAX_UNITS_PER_COMMIT and not self._queue.empty():
                units.append(self._queue.get())
            open_ = None not in units
            self._commit([unit for unit in units if unit is not None])
        with contextlib.suppress(apsw.Error):  # what is committed is durable, whether or not it reaches the main file
            self._connection.close()
        self._bell.close()

    def _commit(self, units: list[_Unit]) -> None:
        for unit, outcome in zip(units, self._outcomes(units), strict=True):
            unit.done(outcome)
        self._bell.ring()
        resolved, self._resolved = self._resolved, {}
        for loop, callbacks in resolved.items():
            _call_soon(loop, callbacks)
        if self._pages >= self._checkpoint_pages:
            self._checkpoint()

    def _after_commit(self, connection: apsw.Connection, name: str, pages: int) -> int:  # noqa: ARG002 - apsw's hook
        self._pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        with contextlib.suppress(
            apsw.Error
        ):  # the write-ahead log keeps what is committed: the next commit tries again
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _outcomes(self, units: list[_Unit]) -> list[list[Position] | Exception]:
        try:
            return self._transact(units) if units else []
        except Exception as error:  # noqa: BLE001 - each waiting append must hear of it, whatever it is
            if len(units) == 1 or is_disk_trouble(error):
                return [_unavailable(error) for _ in units]
        return [outcome for unit in units for outcome in self._outcomes([unit])]

    def _transact(self, units: list[_Unit]) -> list[list[Position] | Exception]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            insert = BatchInsert(self._connection, self._topics, time.time_ns() // 1_000_000)
            outcomes = [self._stage(insert, unit) for unit in units]
            insert.write()
            self._sync()
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return outcomes

    def _sync(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error:
            with contextlib.suppress(apsw.Error):
                self._cover_what_failed()
            raise

    def _cover_what_failed(self) -> None:
        """Commit something else where the failed commit's pages lie, so that recovery cannot find them."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        failures = scalar(self._connection, "PRAGMA user_version")
        run_script(self._connection, f"PRAGMA user_version={failures + 1 & 0x7FFFFFFF}")

    def _stage(self, insert: BatchInsert, unit: _Unit) -> list[Position] | Exception:
        if unit.guard and (reason := unit.guard.check(self._connection)) is not None:
            return AppendRefusedError(reason)
        positions = [insert.stage(record) for record in unit.records]
        if unit.guard:
            unit.guard.record(self._connection, positions)
        return positions

    def close(self) -> None:
        """Finish what was handed in, then close the file; returns when that is done, also to a second caller."""
        with self._closing_lock:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        self._thread.join()


def _unavailable(error: Exception) -> Exception:
    if isinstance(error, apsw.Error):
        return LogUnavailableError(f"the append was not made durable: {type(error).__name__}: {error}")
    return error


def _resolve(future: Any, outcome: list[Position] | Exception) -> None:
    if future.done():
        return  # its request was cancelled; what was appended stays appended
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _call_soon(loop: asyncio.AbstractEventLoop, callbacks: list[Callable[[], None]]) -> None:
    def run() -> None:
        for callback in callbacks:
            callback()

    with contextlib.suppress(RuntimeError):  # the loop is closed, and whoever waited in it is gone
        loop.call_soon_threadsafe(run)
