"""Imports on a real Kafka: killed at random moments, gone on with, repeated."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands.imports.bootstrap import plan_of
from commands.imports.cluster import CHUNKS_IN_FLIGHT
from commands.imports.loader import EVENTS_PER_APPEND
from infra.log.kafka_reader import KafkaLogReader
from infra.log.partitioner import partition_of
from schemas.catalogue import ACCOUNTS, FOLLOWS, TWEETS
from schemas.codec import encode, topic_and_key
from tests.conftest import settings_of

if TYPE_CHECKING:
    from infra.servers import Fleet

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 60.0
ROWS, KILLS = 25_000, 4

Log = dict[tuple[str, int], list[bytes]]


@pytest.fixture
def bootstrap(fleet: Fleet, tmp_path: Path) -> str:
    return settings_of(fleet, tmp_path, "kafka").kafka_bootstrap


@pytest.fixture
def higgs_file(tmp_path: Path) -> Path:
    """Rows like no other file's, so that what is found of them on the log is of this test."""
    dice, first = random.Random(88), 1_000_000_000 + time.time_ns() // 1_000_000 % 1_000_000_000
    people = [int(dice.paretovariate(0.7)) % 900 for _ in range(2 * ROWS)]
    rows = zip(people[::2], people[1::2], range(ROWS), strict=True)
    lines = [f"{a} {b} {first + at // 7} {dice.choice(['RT', 'RT', 'MT', 'RE'])}\n" for a, b, at in rows]
    path = tmp_path / "rows.txt"
    path.write_text("".join(lines))
    return path


def loading(file: Path, bootstrap: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.cluster.import_worker", str(file), bootstrap]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def loaded(file: Path, bootstrap: str) -> int:
    """Load to the end; return how many events were appended."""
    with loading(file, bootstrap) as process:
        out, _ = process.communicate(timeout=BOUND_SECONDS)
    assert process.returncode == 0
    return int(out.split()[-1])


def planned(file: Path, bootstrap: str) -> Log:
    """Return the records of the plan, partition by partition."""
    wanted: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    with closing(KafkaLogReader(bootstrap, (ACCOUNTS, FOLLOWS, TWEETS))) as log:
        for step in plan_of("higgs", file.read_bytes(), None, active=False).steps():
            for event in step:
                topic, key = topic_and_key(event)
                wanted[topic, partition_of(key, log.partitions(topic))].append(encode(event))
    return wanted


def found(wanted: Log, bootstrap: str) -> Log:
    """Return which records of a plan stand in each partition, in order, as often as they do."""
    ours = {value for values in wanted.values() for value in values}
    log: Log = {}
    with closing(KafkaLogReader(bootstrap, (ACCOUNTS, FOLLOWS, TWEETS))) as reader:
        for (topic, partition), end in reader.end_offsets((ACCOUNTS, FOLLOWS, TWEETS)).items():
            at, values = 0, list[bytes]()
            while at < end and (batch := reader.read(topic, partition, at, 10_000)):
                values += [value for value in batch.values if value in ours]
                at = batch.next_offset
            if values:
                log[topic, partition] = values
    return log


def test_killed_at_any_moment_it_goes_on_without_loss_and_in_order(bootstrap: str, higgs_file: Path) -> None:
    dice = random.Random(14454)
    for _ in range(KILLS):
        with loading(higgs_file, bootstrap) as process:
            assert process.stdout
            for _ in range(dice.randrange(1, 4)):
                process.stdout.readline()  # another chunk is taken
            process.kill()
    loaded(higgs_file, bootstrap)
    wanted = planned(higgs_file, bootstrap)
    log = found(wanted, bootstrap)
    repeated = sum(map(len, log.values())) - sum(map(len, wanted.values()))
    assert 0 < repeated < KILLS * (CHUNKS_IN_FLIGHT + 1) * (EVENTS_PER_APPEND + 1), "nothing was killed half-way"
    assert {place: list(dict.fromkeys(values)) for place, values in log.items()} == wanted


def test_a_second_run_appends_nothing(bootstrap: str, higgs_file: Path) -> None:
    assert loaded(higgs_file, bootstrap) > ROWS
    wanted = planned(higgs_file, bootstrap)
    assert found(wanted, bootstrap) == wanted
    assert loaded(higgs_file, bootstrap) == 0
    assert found(wanted, bootstrap) == wanted
