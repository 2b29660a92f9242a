"""Stream processes on the real log: killed, stopped, and ended by what no loop knows."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from infra.log import embedded
from infra.log.port import Position, Record
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import DecodeError, decode
from schemas.operations.events import DeadLettered
from streams.loop import EXIT_CODE
from tests.integration.streams.worker import FATAL, TOPIC, NotingStore
from tests.unit.streams.fakes import UNDECODABLE, value

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
RECORDS = 100_000
PARTITIONS = 4
EXIT_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    embedded.ensure(tmp_path, {TOPIC: PARTITIONS})
    return tmp_path


def append(folder: Path, records: list[Record]) -> list[Position]:
    log = embedded.open_appender(folder, "facts", {})
    positions: list[Position] = []
    for at in range(0, len(records), 5_000):
        positions += log.append_blocking(records[at : at + 5_000])
    log.close()
    return positions


def fill(folder: Path, numbers: range) -> None:
    append(folder, [Record(TOPIC, number, value(number)) for number in numbers])


@contextmanager
def a_worker(folder: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "tests.integration.streams.worker", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def wait_for_batches(lines: IO[str], count: int) -> None:
    for _ in range(count):
        assert lines.readline() == "applied\n"


def noted(folder: Path) -> list[int]:
    store = NotingStore(folder)
    try:
        passed, numbers = store.consistent()
        assert passed == len(numbers)
        return numbers
    finally:
        store.close()


def test_nothing_is_lost_or_doubled_by_kills(folder: Path) -> None:
    fill(folder, range(RECORDS))
    kills = 0
    for batches in (1, 7, 20, 3):
        with a_worker(folder) as (process, lines):
            wait_for_batches(lines, batches)
            process.send_signal(signal.SIGKILL)
            assert process.wait(EXIT_SECONDS) == -signal.SIGKILL
        if len(noted(folder)) == RECORDS:
            break  # this test stood still, and the worker did not
        kills += 1
    assert kills
    left = RECORDS - len(noted(folder))
    with a_worker(folder) as (process, lines):
        wait_for_batches(lines, -(-left // 1_000))
        fill(folder, range(RECORDS, RECORDS + 1))  # heard through the doorbell, from this process
        while len(noted(folder)) <= RECORDS:
            wait_for_batches(lines, 1)
        process.send_signal(signal.SIGKILL)
    assert noted(folder) == list(range(RECORDS + 1))


def test_a_terminated_worker_stops_at_once_between_two_batches(folder: Path) -> None:
    fill(folder, range(20_000))
    with a_worker(folder) as (process, lines):
        wait_for_batches(lines, 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(EXIT_SECONDS) == 0
    with a_worker(folder) as (process, lines):
        while len(noted(folder)) < 20_000:
            wait_for_batches(lines, 1)
    assert noted(folder) == list(range(20_000))


def test_what_no_loop_knows_ends_the_process_and_moves_no_checkpoint(folder: Path) -> None:
    fill(folder, range(10))
    append(folder, [Record(TOPIC, 3, value(FATAL))])
    for _ in range(2):  # every start meets it again
        with a_worker(folder) as (process, _lines):
            assert process.wait(EXIT_SECONDS) == EXIT_CODE
    assert FATAL not in noted(folder)


def test_a_dead_letter_stands_on_the_log_when_the_checkpoint_has_passed_it(folder: Path) -> None:
    [position] = append(folder, [Record(TOPIC, 5, UNDECODABLE)])
    with a_worker(folder) as (process, lines):
        wait_for_batches(lines, 1)
        process.send_signal(signal.SIGKILL)
    reader = embedded.EmbeddedLogReader(folder)
    partitions = range(reader.partitions(DEAD_LETTERS))
    [batch] = filter(None, (reader.read(DEAD_LETTERS, partition, 0, 10) for partition in partitions))
    reader.close()
    letter = decode(batch.values[0])
    assert isinstance(letter, DeadLettered)
    assert Position(letter.topic, letter.partition, letter.offset) == position
    assert letter.record == UNDECODABLE
    with pytest.raises(DecodeError):
        decode(letter.record)
