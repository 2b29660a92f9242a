"""A replay that is killed at any moment goes on, and what it makes is what an undisturbed one makes."""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.log.embedded import EmbeddedLogReader
from infra.sqlite.bulk import SqliteBulkStore
from infra.sqlite.connections import open_reader
from infra.sqlite.content import compare
from streams.replay.kinds import KINDS
from streams.replay.rebuild import Rebuild, Task
from streams.replay.sample import Sample
from tests.memory_files import MEMORY
from tests.replay_world import NAMED, ReplayWorld, random_history
from tests.waiting import BOUND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 20
SPAN_RECORDS = 25
KILLED = -9


def build(world: ReplayWorld, generation: int) -> None:
    """Build all in spans so short that a kill finds something to interrupt; exit with 0 where all is right."""
    with closing(EmbeddedLogReader(world.settings.log_dir)) as log:
        tasks = [Task(it, KINDS[it.name], generation) for it in NAMED.values()]
        reports = Rebuild(world.settings, log, tasks, Sample(), lambda _: None, span_records=SPAN_RECORDS).run()
    raise SystemExit(0 if all(report.right for report in reports.values()) else 1)


def run(world: ReplayWorld, generation: int, kill_after: float = BOUND_SECONDS) -> int | None:
    """Build in a process of its own, killed after that many seconds; return its exit code."""
    process = multiprocessing.get_context("fork").Process(target=build, args=(world, generation))
    process.start()
    process.join(kill_after)
    process.kill()
    process.join(BOUND_SECONDS)
    return process.exitcode


def digests(world: ReplayWorld, generation: int) -> dict[str, list[str]]:
    found = {}
    for name, kind in KINDS.items():
        with closing(open_reader(world.path(name, generation))) as connection:
            found[name] = [compare(connection, None, table, 0).digest for table in kind.content.tables]
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayWorld]:
    monkeypatch.setattr(SqliteBulkStore, "COMMIT_RECORDS", 2 * SPAN_RECORDS)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        world = ReplayWorld(Path(folder))
        world.publish(*random_history(500))
        yield world
        world.close()


def test_what_was_killed_at_twenty_moments_is_what_an_undisturbed_build_makes(world: ReplayWorld) -> None:
    began = time.monotonic()
    assert run(world, 1) == 0
    whole = time.monotonic() - began
    expected = digests(world, 1)
    chance, generation, kills = random.Random(11), 2, 0
    while kills < KILLS:
        exit_code = run(world, generation, kill_after=chance.uniform(0.0, whole))
        assert exit_code in {0, KILLED}
        kills += exit_code == KILLED
        if exit_code == 0:
            assert digests(world, generation) == expected
            generation += 1
    assert run(world, generation) == 0
    assert digests(world, generation) == expected
