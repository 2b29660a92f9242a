"""A log that was cut: replay, audit and stream workers go back to the archive, and come to the same."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.archive import runs
from infra.archive.opening import TOPICS, open_archive
from infra.auth.seals import seals_on_files
from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.log import retention
from infra.log.sqlite import create
from infra.objects.directory import DirectoryObjects
from infra.status import checkpoints
from streams.bootstrap import run
from streams.replay.audit import Audit
from streams.replay.dry_run import opened_log
from streams.replay.options import AuditOptions, parsed
from streams.replay.run import Replay
from tests.replay_world import NAMED, PARTITIONS, ReplayWorld, random_history
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORTION = 40
BUILT = ("graph", "home_timeline")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReplayWorld]:
    with closing(ReplayWorld(tmp_path, archive_segment_records=40)) as world:
        seals_on_files(world.settings, writes=True).close()
        history = random_history(1200)
        for at in range(0, len(history), PORTION):
            world.publish(*history[at : at + PORTION])
        yield world


def archive_and_cut(world: ReplayWorld) -> int:
    """Archive all there is, and cut the log to its last rows; return how many segments were made."""
    made = runs.run(world.settings, world.log, now=True).entries
    with closing(create(world.settings.log_dir / "facts.db", PARTITIONS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert retention.cut(connection, 1 << 60) > 20
        connection.execute("COMMIT")
    return len(made)


def replayed(world: ReplayWorld, *names: str) -> dict[str, str]:
    """Replay these, and return the digests of what was built, verified and promoted."""
    assert Replay(world.settings, parsed([*names, "--json", "--sample", "0", "--processes", "1"])).run() == 0
    generations = Generations(FileGenerations(world.settings.projections_dir), SystemClock())
    found = {name: generations.of(name).known(generations.of(name).active).verification for name in BUILT}
    return {name: it.digest for name, it in found.items() if it is not None}


def test_a_replay_from_the_archive_gives_what_the_whole_log_gave(
    world: ReplayWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    before = replayed(world, *BUILT)
    capsys.readouterr()
    assert archive_and_cut(world) > 10
    assert replayed(world, *BUILT) == before
    assert replayed(world, *BUILT, "--from-archive") == before
    with closing(opened_log(world.settings)) as log:
        outcome = Audit(world.settings, log, NAMED["graph"], AuditOptions("graph", sample=0)).run()
    assert outcome.report.right


def test_damage_is_told_in_one_line_before_anything_is_built(world: ReplayWorld) -> None:
    archive_and_cut(world)
    objects = DirectoryObjects(world.settings.objects_dir)
    segment = [it.key for it in objects.list() if "/follows/" in it.key and it.key.endswith(".avro")][1]
    with objects.open(segment) as file:
        content = bytearray(file.read())
    content[len(content) // 2] ^= 1
    objects.put(segment, io.BytesIO(bytes(content)), len(content))
    done = subprocess.run(
        [sys.executable, "-m", "streams", "replay", "graph"],
        env=world.settings.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("streams: follows/")
    assert segment in line
    assert "not what was written" in line
    assert not list(world.settings.projections_dir.glob("**/g*.db"))


async def test_stream_workers_that_begin_anew_read_the_archive(world: ReplayWorld) -> None:
    await asyncio.to_thread(archive_and_cut, world)
    stop = asyncio.Event()
    life = asyncio.create_task(run(world.settings, ["graph"], stop))
    ends = {place: end for place, end in world.log.end_offsets(NAMED["graph"].topics).items() if end}
    await soon(lambda: checkpoints(world.path("graph")) == ends or life.done())
    stop.set()
    await life
    with closing(opened_log(world.settings)) as log:
        assert Audit(world.settings, log, NAMED["graph"], AuditOptions("graph", sample=0)).run().report.right


def test_what_is_not_archived_is_not_cut(world: ReplayWorld) -> None:
    with closing(opened_log(world.settings)) as log:
        made = runs.run(world.settings, log).entries  # full ones only: nothing is old
        ends = {place: open_archive(world.settings, log).end(place) for place in log.end_offsets(TOPICS)}
    assert made
    with closing(create(world.settings.log_dir / "facts.db", PARTITIONS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        retention.cut(connection, 1 << 60, archived=ends)
        connection.execute("COMMIT")
    firsts = {place: world.log.first_offset(*place) for place in ends}
    assert any(firsts.values())
    assert all(first <= ends[place] for place, first in firsts.items())


def test_an_archiver_that_is_killed_anywhere_leaves_nothing_that_the_next_one_does_not_mend(world: ReplayWorld) -> None:
    code = (
        "import os, sys, threading, time\n"
        "from infra.archive import runs\n"
        "from infra.log.embedded import EmbeddedLogReader\n"
        "from infra.settings import Settings\n"
        "settings = Settings()\n"
        "def kill(): time.sleep(float(sys.argv[1])); os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=kill, daemon=True).start()\n"
        "runs.run(settings, EmbeddedLogReader(settings.log_dir), now=True)\n"
    )
    killed = 0
    for number in range(4):
        done = subprocess.run(
            [sys.executable, "-c", code, str(0.01 + 0.03 * number)],
            env=world.settings.environment(), check=False, timeout=60,
        )  # fmt: skip
        killed += done.returncode == -9
        assert runs.verify(world.settings, world.log) == []
    assert killed
    runs.run(world.settings, world.log, now=True)
    found = runs.partitions(world.settings, world.log)
    assert {it["archived_to"] == it["log_to"] for it in found} == {True}
    named = {segment["object"] for it in found for segment in it["segments"]}
    there = {it.key for it in DirectoryObjects(world.settings.objects_dir).list() if it.key.endswith(".avro")}
    assert there == named
