"""Every single I/O call of a workload fails once: what was acknowledged stays, what failed is gone, work goes on."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from infra.log import sqlite
from infra.log.port import LogUnavailableError, Position
from infra.sqlite.connections import scalar
from tests.integration.log import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.log.group_commit import GroupCommitLog

APPENDS = 8
POINTS_IN_CI = 25  # of each kind, spread evenly over all; a soak takes every point

FAULTS: dict[str, tuple[str, int]] = {
    "write fails": ("write", apsw.SQLITE_IOERR_WRITE),
    "disk is full": ("write", apsw.SQLITE_FULL),
    "write is cut short": ("short write", apsw.SQLITE_IOERR_WRITE),
    "sync fails": ("sync", apsw.SQLITE_IOERR_FSYNC),
    "read fails": ("read", apsw.SQLITE_IOERR_READ),
    "truncation fails": ("truncate", apsw.SQLITE_IOERR_TRUNCATE),
    "size cannot be told": ("size", apsw.SQLITE_IOERR_FSTAT),
    "file cannot be opened": ("open", apsw.SQLITE_CANTOPEN),
}


class FailingVFS(apsw.VFS):
    """The system's files, but call number `at` of one kind fails, alone or with all that follow."""

    def __init__(self, name: str, call: str, code: int, *, at: int, lasting: bool = False) -> None:
        super().__init__(name, "")
        self._call, self._code, self._at, self._lasting = call, code, at, lasting
        self.calls = 0

    def mend(self) -> None:
        self._lasting, self._at = False, 0

    def fails(self, *calls: str) -> bool:
        if self._call not in calls:
            return False
        self.calls += 1
        return self.calls == self._at or (self._lasting and self.calls > self._at)

    def error(self) -> Exception:
        return apsw.exception_for(self._code)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        if self.fails("open"):
            raise self.error()
        return FailingFile(self, name, flags)

    def excepthook(self, *_: object) -> bool:
        return True  # errors are the subject here: SQLite hears them, nobody needs to see them


class FailingFile(apsw.VFSFile):
    def __init__(self, vfs: FailingVFS, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._vfs.fails("write", "short write"):
            if self._vfs._call == "short write":
                super().xWrite(data[: len(data) // 2], offset)
            raise self._vfs.error()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._vfs.fails("sync"):
            raise self._vfs.error()
        super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self._vfs.fails("read"):
            raise self._vfs.error()
        return super().xRead(amount, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self._vfs.fails("truncate"):
            raise self._vfs.error()
        super().xTruncate(size)

    def xFileSize(self) -> int:  # noqa: N802
        if self._vfs.fails("size"):
            raise self._vfs.error()
        return super().xFileSize()

    def excepthook(self, *_: object) -> bool:
        return True


@contextlib.contextmanager
def _vfs(fault: str, *, at: int, lasting: bool = False) -> Iterator[tuple[str, FailingVFS]]:
    name = f"failing-{next(_names)}"
    vfs = FailingVFS(name, *FAULTS[fault], at=at, lasting=lasting)
    try:
        yield name, vfs
    finally:
        vfs.unregister()


_names = itertools.count()


def _calls_of_a_whole_workload(path: Path, fault: str) -> int:
    with _vfs(fault, at=0) as (name, vfs):
        _workload(path, name, vfs)
        return vfs.calls


def _workload(path: Path, vfs_name: str, vfs: FailingVFS) -> tuple[dict[Position, int], set[int]]:
    """Return what was acknowledged, and the numbers of the records that were not."""
    try:
        log = workload.open_log(path, vfs_name)
    except apsw.Error:
        vfs.mend()  # the process did not start; the next one finds the disk in order
        log = workload.open_log(path, vfs_name)
    acknowledged: dict[Position, int] = {}
    failed: set[int] = set()
    for index in range(APPENDS):
        _append(log, index, acknowledged, failed)
    vfs.mend()
    refused_before = len(failed)
    _append(log, APPENDS, acknowledged, failed)
    assert len(failed) == refused_before, "the appender did not recover from an error that has passed"
    log.close()
    return acknowledged, failed


def _append(log: GroupCommitLog, index: int, acknowledged: dict[Position, int], failed: set[int]) -> None:
    numbers = workload.group(index)
    try:
        positions = log.append_blocking([workload.record(number) for number in numbers])
    except LogUnavailableError:
        failed.update(numbers)
    else:
        acknowledged.update(zip(positions, numbers, strict=True))


def _points(in_all: int) -> range:
    wanted = workload.soak_cycles(POINTS_IN_CI)
    return range(1, in_all + 1, max(1, in_all // wanted))


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_single_io_error_loses_what_was_acknowledged(
    fault: str, lasting: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    in_all = _calls_of_a_whole_workload(tmp_path / "whole.db", fault)
    refused = 0
    for at in _points(in_all):
        path = tmp_path / f"{at}.db"
        with _vfs(fault, at=at, lasting=lasting) as (name, vfs):
            acknowledged, failed = _workload(path, name, vfs)
        refused += len(failed)
        found = workload.assert_whole(path, acknowledged)
        assert not failed & set(found.values()), f"point {at}: an append that failed is there"
        path.unlink()
    record_property("points", len(_points(in_all)))
    print(f"{fault}, lasting={lasting}: {len(_points(in_all))} of {in_all} points, {refused} records refused")  # noqa: T201


def test_a_commit_whose_sync_failed_once_is_not_found_by_recovery_after_a_crash(tmp_path: Path) -> None:
    original, crashed, failures = tmp_path / "whole.db", tmp_path / "crashed.db", 0
    for at in range(1, _calls_of_a_whole_workload(original, "sync fails") + 1):
        path = tmp_path / f"{at}.db"
        with _vfs("sync fails", at=at) as (name, _), contextlib.suppress(apsw.Error):
            log = workload.open_log(path, name)
            acknowledged: dict[Position, int] = {}
            failed: set[int] = set()
            for index in range(APPENDS):
                _append(log, index, acknowledged, failed)
                if failed:
                    break
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{path}{suffix}", f"{crashed}{suffix}")
            log.close()
            assert not failed & set(workload.assert_whole(crashed, acknowledged).values())
            failures += bool(failed)
            crashed.with_name("crashed.db-shm").unlink()
    assert failures >= APPENDS


def test_a_log_is_never_written_outside_of_wal_mode(tmp_path: Path) -> None:
    for at in range(1, _calls_of_a_whole_workload(tmp_path / "whole.db", "read fails")):
        path = tmp_path / f"{at}.db"
        with _vfs("read fails", at=at) as (name, _), contextlib.suppress(apsw.Error):
            connection = sqlite.create(path, workload.PARTITIONS, name)
            assert scalar(connection, "PRAGMA journal_mode") == "wal"
            connection.close()
