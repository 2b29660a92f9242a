"""Any byte of the log's files changes: what is read is what was written, or somebody says that it is not."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, NamedTuple

import apsw
import pytest

from infra.log import sqlite, wal
from infra.log.batch_insert import BatchInsert
from infra.log.port import LogCorruptError, LogError
from infra.log.sqlite_reader import SqliteLogReader
from infra.log.verify import Finding, verify
from infra.sqlite.connections import Durability, open_writer, rows
from schemas.catalogue import FOLLOWS
from tests.integration.log import workload

if TYPE_CHECKING:
    from pathlib import Path

FLIPS_IN_CI = 250
APPENDS = 24


class _Row(NamedTuple):
    partition: int
    offset: int
    records: int


@pytest.fixture(scope="module")
def closed_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of one file: closed, so everything is checkpointed."""
    path = tmp_path_factory.mktemp("closed") / "facts.db"
    log = workload.open_log(path)
    for index in range(APPENDS):
        log.append_blocking([workload.record(number) for number in workload.group(index)])
    log.close()
    assert not path.with_name("facts.db-wal").exists()
    return path


def _flip(path: Path, at: int, bits: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        old = file.read(1)[0]
        file.seek(at)
        file.write(bytes([old ^ bits]))


def _read_what_can_be_read(path: Path) -> tuple[workload.Content | None, bool]:
    """Return all that readers get of a file (None where they were stopped), and whether they were stopped."""
    try:
        return workload.content(path), False
    except (LogError, apsw.Error):
        return None, True


def _rows_in_file(path: Path) -> dict[range, _Row]:
    """Return where the frames of each row stand in the file, for rows that lie on one page."""
    file = path.read_bytes()
    connection = open_writer(path, Durability.FULL)
    found = {}
    for row_id, count, frames in rows(connection, "SELECT id, count, frames FROM batches"):
        if file.count(frames) == 1:
            begin = file.index(frames)
            number, offset = row_id >> sqlite.OFFSET_BITS, row_id & sqlite.OFFSET_MASK
            found[range(begin, begin + len(frames))] = _Row(number, offset, count)
    connection.close()
    return found


def test_any_byte_flipped_in_the_file_is_harmless_or_found(closed_log: Path, tmp_path: Path) -> None:
    original, chance = workload.content(closed_log), random.Random(workload.seed())
    path, size, flips = tmp_path / "flipped.db", closed_log.stat().st_size, workload.soak_cycles(FLIPS_IN_CI)
    harmless = stopped = 0
    shutil.copyfile(closed_log, path)
    for _ in range(flips):
        at, bits = chance.randrange(size), chance.randint(1, 255)
        _flip(path, at, bits)
        findings = list(verify(path))
        content, refused = _read_what_can_be_read(path)
        stopped += refused
        assert findings or content == original, f"byte {at} ^ {bits}: neither what was written nor a finding"
        if content is not None:
            wrong = {position for position, number in content.items() if original.get(position) != number}
            assert not wrong, f"byte {at} ^ {bits}: readers were given wrong records at {wrong}"
        harmless += not findings
        _flip(path, at, bits)
    assert list(verify(path)) == []
    print(f"flips in the file: {flips}, {flips - harmless} found, {harmless} in unused bytes; {stopped} stop readers")  # noqa: T201


def test_a_flip_in_a_record_is_located_to_its_row(closed_log: Path, tmp_path: Path) -> None:
    path, chance = tmp_path / "flipped.db", random.Random(workload.seed())
    shutil.copyfile(closed_log, path)
    places = _rows_in_file(path)
    assert len(places) > APPENDS
    for _ in range(workload.soak_cycles(FLIPS_IN_CI) // 4):
        place, row = chance.choice(list(places.items()))
        at = chance.choice(place)
        _flip(path, at, 0xFF)
        problem = f"the checksum of a batch of {row.records} records does not match"
        assert list(verify(path)) == [Finding(FOLLOWS, row.partition, row.offset, problem)]
        reader = SqliteLogReader(path)
        with pytest.raises(LogCorruptError, match=f"{FOLLOWS}/{row.partition} offset {row.offset}:"):
            reader.read(FOLLOWS, row.partition, row.offset, 1)
        reader.close()
        _flip(path, at, 0xFF)


class _Crashed(NamedTuple):
    """A log as kill -9 leaves it: commits that stand in the write-ahead log only."""

    path: Path
    content: workload.Content
    before_last: workload.Content


@pytest.fixture(scope="module")
def crashed_log(tmp_path_factory: pytest.TempPathFactory) -> _Crashed:
    folder = tmp_path_factory.mktemp("crashed")
    log = sqlite.create(folder / "open.db", workload.PARTITIONS)
    acknowledged: workload.Content = {}
    before_last: workload.Content = {}
    topics = sqlite.topics_of(log)
    for index in range(APPENDS):
        before_last = dict(acknowledged)
        log.execute("BEGIN IMMEDIATE")
        insert = BatchInsert(log, topics, 1)
        acknowledged |= {insert.stage(workload.record(number)): number for number in workload.group(index)}
        insert.write()
        log.execute("COMMIT")
    for suffix in ("", "-wal"):
        shutil.copyfile(folder / f"open.db{suffix}", folder / f"facts.db{suffix}")
    log.close()
    return _Crashed(folder / "facts.db", acknowledged, before_last)


def test_a_flip_in_the_write_ahead_log_is_found_unless_it_looks_like_an_unfinished_last_commit(
    crashed_log: _Crashed, tmp_path: Path
) -> None:
    """The limit that docs/resilience.md states: damage to the last commit alone is taken for an interrupted write."""
    chance, flips, found, harmless, last = random.Random(workload.seed()), workload.soak_cycles(FLIPS_IN_CI), 0, 0, 0
    path, log = tmp_path / "facts.db", tmp_path / "facts.db-wal"
    size = crashed_log.path.with_name("facts.db-wal").stat().st_size
    for _ in range(flips):
        shutil.copyfile(crashed_log.path, path)
        shutil.copyfile(crashed_log.path.with_name("facts.db-wal"), log)
        at, bits = chance.randrange(size), chance.randint(1, 255)
        _flip(log, at, bits)
        if wal.damage(path):
            found += 1
            with pytest.raises(LogCorruptError, match="commits would be lost"):
                sqlite.create(path, workload.PARTITIONS)
            assert next(verify(path)).problem.startswith("the write-ahead log is damaged")
        else:
            content = workload.content(path)
            assert content in (crashed_log.content, crashed_log.before_last), f"byte {at} ^ {bits}"
            harmless += content == crashed_log.content
            last += content == crashed_log.before_last
        path.with_name("facts.db-shm").unlink(missing_ok=True)
    assert found > flips * 0.8
    print(f"flips in the WAL: {flips}, {found} found, {harmless} harmless, {last} taken for an unfinished last commit")  # noqa: T201


def test_an_intact_write_ahead_log_is_left_in_peace(crashed_log: _Crashed, tmp_path: Path) -> None:
    for suffix in ("", "-wal"):
        shutil.copyfile(crashed_log.path.with_name(f"facts.db{suffix}"), tmp_path / f"facts.db{suffix}")
    sqlite.create(tmp_path / "facts.db", workload.PARTITIONS).close()
    assert workload.content(tmp_path / "facts.db") == crashed_log.content


def test_a_row_that_is_missing_is_found_and_located(closed_log: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    shutil.copyfile(closed_log, path)
    connection = open_writer(path, Durability.FULL)
    ids = [row[0] for row in rows(connection, "SELECT id FROM batches WHERE id < 1 << 40 ORDER BY id")]
    connection.execute("DELETE FROM batches WHERE id IN (?, ?)", (ids[3], ids[-1]))
    connection.close()
    gap = f"offsets {ids[3]} to {ids[4] - 1} are missing"
    assert [(f.partition, f.offset) for f in verify(path)] == [(0, ids[3]), (0, ids[-1])]
    assert next(verify(path)) == Finding(FOLLOWS, 0, ids[3], gap)
    reader = SqliteLogReader(path)
    for missing in (ids[3], ids[-1]):
        with pytest.raises(LogCorruptError, match=f"offset {missing} is missing"):
            reader.read(FOLLOWS, 0, missing, 10)
    reader.close()


def test_damaged_tables_beside_the_rows_are_found(closed_log: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    for damage in (
        "UPDATE ends SET next_offset = next_offset - 1 WHERE number = 0",
        "UPDATE ends SET next_offset = next_offset + 7 WHERE number = 0",
        "DELETE FROM ends",
        "INSERT INTO starts VALUES (1, 2)",
        "UPDATE topics SET partitions = 3",
        "UPDATE topics SET first_number = 1",
        "UPDATE log SET log_id = 'another'",
        "UPDATE batches SET id = id + (9 << 40) WHERE id = (SELECT max(id) FROM batches)",
        "UPDATE batches SET count = 'two' WHERE id = 0",
        "UPDATE batches SET frames = 'text' WHERE id = 0",
    ):
        shutil.copyfile(closed_log, path)
        connection = open_writer(path, Durability.FULL)
        connection.execute(damage)
        connection.close()
        assert list(verify(path)), damage


@pytest.mark.parametrize("kept", [0, 100, 4096, 20_000])
def test_a_file_cut_short_is_found_wherever_it_is_cut(kept: int, closed_log: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    path.write_bytes(closed_log.read_bytes()[:kept])
    assert list(verify(path))


def test_a_file_that_is_not_there_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(verify(tmp_path / "facts.db"))
