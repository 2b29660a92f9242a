"""What GET /projections and the metrics say of a replay: while it runs, when it ended, and when it was killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from infra import replay_progress
from infra.replay_progress import ProgressFile, ProjectionProgress

if TYPE_CHECKING:
    from pathlib import Path


def test_where_no_replay_ran_there_is_none(tmp_path: Path) -> None:
    assert replay_progress.read(tmp_path) is None


def test_what_is_told_is_read_and_runs_until_it_says_its_end(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "run")
    progress = {"tweets": ProjectionProgress(2, "load", 10, 40, 5.0, 6.0, {"tweets/0": 30})}
    file.write(progress)
    told = replay_progress.read(tmp_path / "run")
    assert told is not None
    assert (told.pid, told.projections) == (os.getpid(), progress)
    assert replay_progress.is_running(told)
    progress["tweets"].phase = "done"
    file.write(progress, finished=True)
    told = replay_progress.read(tmp_path / "run")
    assert told is not None
    assert told.projections["tweets"].phase == "done"
    assert not replay_progress.is_running(told)


def test_a_file_is_written_twice_a_second_at_most_but_for_the_end(tmp_path: Path) -> None:
    file, progress = ProgressFile(tmp_path), {"tweets": ProjectionProgress(2)}
    file.write(progress)
    progress["tweets"].done = 7
    file.write(progress)
    told = replay_progress.read(tmp_path)
    assert told is not None
    assert told.projections["tweets"].done == 0


def test_a_replay_that_was_killed_does_not_run() -> None:
    told = replay_progress.ReplayProgress(2**22 + 1, 0, 0, {})  # no process has such a number
    assert not replay_progress.is_running(told)


def test_what_cannot_be_read_is_no_progress(tmp_path: Path) -> None:
    (tmp_path / replay_progress.FILE).write_bytes(b"{")
    assert replay_progress.read(tmp_path) is None
