"""The appender among its neighbours: guards that fail, several processes, closing, retention, dump, the doorbell."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.log import doorbell, retention, sqlite
from infra.log.doorbell import Bell, Doorbell
from infra.log.dump import dump
from infra.log.embedded import EmbeddedLogReader, ensure, open_appender
from infra.log.group_commit import AppendRefusedError, GroupCommitLog
from infra.log.port import LogUnavailableError, OffsetOutOfRangeError, Position, Record
from infra.log.sqlite_reader import SqliteLogReader
from infra.log.verify import verify
from infra.sqlite.connections import rows
from schemas.accounts.events import AccountRegistered
from schemas.codec import encode
from schemas.envelope import Envelope
from tests.integration.log import workload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw


class _Guard:
    """Keeps names in a table; refuses a name that is taken, raises for the name `bug`."""

    SCHEMA = "CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, at INTEGER)"

    def __init__(self, name: str) -> None:
        self._name = name

    def check(self, connection: apsw.Connection) -> object | None:
        return "taken" if rows(connection, "SELECT 1 FROM names WHERE name = ?", (self._name,)) else None

    def record(self, connection: apsw.Connection, positions: Sequence[Position]) -> None:
        if self._name == "bug":
            raise ZeroDivisionError
        offset = positions[0].offset if positions else None
        connection.execute("INSERT INTO names VALUES (?, ?)", (self._name, offset))


def _guarded(path: Path) -> GroupCommitLog:
    return GroupCommitLog(path, workload.PARTITIONS, _Guard.SCHEMA)


async def test_a_guard_that_refuses_or_raises_fails_its_own_append_only(tmp_path: Path) -> None:
    log = _guarded(tmp_path / "facts.db")
    names = ["ann", "bob", "bug", "ann", "eve"]
    appends = [log.append([workload.record(n)], _Guard(name)) for n, name in enumerate(names)]
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [list, list, ZeroDivisionError, AppendRefusedError, list]
    log.close()
    assert sorted(workload.content(tmp_path / "facts.db").values()) == [0, 1, 4]


async def test_a_guard_may_record_without_any_event(tmp_path: Path) -> None:
    log = _guarded(tmp_path / "facts.db")
    assert await log.append([], _Guard("ann")) == []
    with pytest.raises(AppendRefusedError):
        await log.append([], _Guard("ann"))
    log.close()


async def test_what_was_handed_in_before_the_close_is_appended_and_nothing_after_it(tmp_path: Path) -> None:
    log = _guarded(tmp_path / "facts.db")
    appends = [asyncio.create_task(log.append([workload.record(n)])) for n in range(2000)]
    await asyncio.sleep(0)
    await asyncio.to_thread(log.close)
    assert len(await asyncio.gather(*appends)) == 2000
    with pytest.raises(LogUnavailableError, match="closed"):
        await log.append([workload.record(2000)])
    log.close()
    assert len(workload.content(tmp_path / "facts.db")) == 2000


def test_appends_from_threads_and_from_loops_that_end_early_do_not_stop_one_another(tmp_path: Path) -> None:
    log = _guarded(tmp_path / "facts.db")

    async def leave_early() -> None:
        task = asyncio.create_task(log.append([workload.record(1)]))
        await asyncio.sleep(0)
        task.cancel()

    def thread(first: int) -> None:
        for n in range(first, first + 30):
            asyncio.run(leave_early())
            log.append_blocking([workload.record(n)])

    threads = [threading.Thread(target=thread, args=(first,)) for first in (100, 200, 300)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    log.close()
    numbers = list(workload.content(tmp_path / "facts.db").values())
    assert sorted(n for n in numbers if n >= 100) == [*range(100, 130), *range(200, 230), *range(300, 330)]


def _start_and_append(folder: str, first: int) -> None:
    ensure(Path(folder), workload.PARTITIONS)
    log = open_appender(Path(folder), "facts", workload.PARTITIONS)
    for n in range(first, first + 10):
        log.append_blocking([workload.record(n)])
    log.close()


def test_processes_may_create_the_log_and_append_to_it_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        children = [context.Process(target=_start_and_append, args=(str(folder), n * 10)) for n in range(4)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0, 0, 0, 0]
        assert sorted(workload.content(folder / "facts.db").values()) == list(range(40))


async def test_retention_cuts_old_rows_but_never_the_last_and_says_so_to_readers_below(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    log = workload.open_log(path)
    for n in range(40):
        await log.append([workload.record(n)])
    before = workload.content(path)
    now_ms = rows(sqlite.create(path, {}), "SELECT max(appended_at_ms) FROM batches")[0][0]
    assert await retention.enforce(log, retention.FOR_EVER, now_ms) == 0
    assert await retention.enforce(log, 1, now_ms) == 0
    assert await retention.enforce(log, 1, now_ms + retention.DAY_MS + 1) == 38
    reader = SqliteLogReader(path)
    for partition in (0, 1):
        last = max(at.offset for at in before if at.partition == partition)
        assert reader.first_offset("follows", partition) == last
        with pytest.raises(OffsetOutOfRangeError, match=f"begins at {last}"):
            reader.read("follows", partition, 0, 10)
        kept = reader.read("follows", partition, last, 10)
        assert kept is not None
        assert kept.values == [workload.record(before[Position("follows", partition, last)]).value]
    (at,) = await log.append([workload.record(40)])
    assert at.offset == max(one.offset for one in before if one.partition == at.partition) + 1
    assert list(verify(path)) == []
    reader.close()
    log.close()


def test_retention_works_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    log = workload.open_log(path)
    for n in range(20):
        log.append_blocking([workload.record(n)])
    log.close()
    connection = sqlite.create(path, {})
    with connection:
        assert [retention.cut(connection, 1 << 60, max_rows=7) for _ in range(4)] == [7, 7, 4, 0]
    connection.close()
    assert list(verify(path)) == []


async def test_a_dump_shows_records_and_hides_what_is_personal(tmp_path: Path) -> None:
    log = open_appender(tmp_path, "facts", {})
    ensure(tmp_path, {})
    event = AccountRegistered(Envelope(1, 2, 3), 7, "ann", "Ann", email=b"secret bytes")
    await log.append([Record("accounts", 7, encode(event)), Record("accounts", 7, b"\x07 rubbish")])
    reader = EmbeddedLogReader(tmp_path)
    first, second = dump(reader, ["accounts", "tweets"])
    assert (first["event"], first["key"], first["offset"]) == ("AccountRegistered", 7, 0)
    assert first["fields"]["email"] == "<encrypted 12 bytes>"
    assert first["fields"]["username"] == "ann"
    assert second["value"] == "ByBydWJiaXNo"
    assert "magic byte 7" in second["error"]
    assert json.loads(json.dumps([first, second])) == [first, second]
    assert [shown["offset"] for shown in dump(reader, ["accounts"], start=1)] == [1]
    assert list(dump(reader, ["accounts"], stop=1)) == [first]
    assert list(dump(reader, ["accounts"], key=8)) == []
    reader.close()
    log.close()


@pytest.fixture
def folder_of_bells(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def _no_folder(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        folder.mkdir()


async def _rings(bell: Bell, listener: Doorbell) -> bool:
    waiter = listener.expect()
    bell.ring()
    return await listener.wait(30, waiter)


async def test_listeners_that_come_within_one_tick_of_the_file_system_all_hear_the_bell(tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    listeners = []
    for _ in range(10):
        listeners.append(Doorbell(tmp_path))
        bell.ring()
    for listener in listeners:
        assert await _rings(bell, listener)
        listener.close()
    bell.close()


async def test_a_folder_that_a_cleaner_removed_stops_nobody_and_is_mended(
    tmp_path: Path, folder_of_bells: Path
) -> None:
    bell, listener = Bell(tmp_path), Doorbell(tmp_path)
    assert await _rings(bell, listener)
    shutil.rmtree(folder_of_bells / f"murmur-{os.getuid()}")
    bell.ring()
    assert not await listener.wait(0.01)
    assert await _rings(bell, listener)
    listener.close()
    bell.close()


async def test_a_bell_rings_on_past_listeners_that_are_dead_or_full(tmp_path: Path) -> None:
    bell, dead, full, listener = Bell(tmp_path), Doorbell(tmp_path), Doorbell(tmp_path), Doorbell(tmp_path)
    dead._loop.remove_reader(dead._socket)
    dead._socket.close()  # as when its process is killed: the file stays
    full._loop.remove_reader(full._socket)
    for _ in range(2000):
        bell.ring()
    assert await _rings(bell, listener)
    assert not dead._path.exists()
    assert full._path.exists()
    full._loop.add_reader(full._socket, full._heard)
    full.close()
    listener.close()
    bell.close()


async def test_a_bell_that_was_closed_is_not_hung_up_again_by_who_still_waits(
    tmp_path: Path, folder_of_bells: Path
) -> None:
    listener = Doorbell(tmp_path)
    waiting = asyncio.create_task(listener.wait(0.01))
    await asyncio.sleep(0)
    listener.close()
    assert not await waiting
    assert list((folder_of_bells / f"murmur-{os.getuid()}").iterdir()) == []


async def test_a_bell_that_cannot_be_hung_up_leaves_nothing_open(tmp_path: Path, folder_of_bells: Path) -> None:
    listener = Doorbell(tmp_path)
    with _no_folder(folder_of_bells), pytest.raises(NotADirectoryError):
        await listener.wait(0.01)
    bell = Bell(tmp_path)
    assert not await listener.wait(0.01)
    assert await _rings(bell, listener)
    listener.close()
    bell.close()


def test_a_folder_that_is_not_the_users_own_is_refused(tmp_path: Path, folder_of_bells: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (folder_of_bells / f"murmur-{os.getuid()}").symlink_to(precious)
    with pytest.raises(PermissionError, match="must be a folder"):
        doorbell.Bell(tmp_path)
    assert (precious / "file").exists()
