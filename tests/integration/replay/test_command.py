"""`murmur replay`: it builds in processes of its own, and promotes what is right and nothing else."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra import replay_progress
from infra.clock import SystemClock, rfc3339
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State
from infra.log.embedded import path_of
from infra.log.port import TopicPartition
from infra.log.sqlite import create
from infra.settings import Settings
from infra.trouble import TroubleError
from streams.replay.options import parsed
from streams.replay.run import STOPPED, Replay
from tests.builders import EPOCH_MS
from tests.replay_world import NAMED, ReplayWorld, random_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.generations.record import Record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReplayWorld]:
    world = ReplayWorld(tmp_path)
    world.publish(*random_history(300))
    yield world
    world.close()


def replayed(world: ReplayWorld, *arguments: str) -> int:
    """The exit code of a replay, whose processes are real ones."""
    return Replay(world.settings, parsed([*arguments, "--json"])).run()


def record(world: ReplayWorld, name: str) -> Record:
    return Generations(FileGenerations(world.settings.projections_dir), SystemClock()).of(name)


def told(capsys: pytest.CaptureFixture[str], name: str) -> dict[str, Any]:
    """What the last line says of a projection."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])["projections"][name]
    return found


def test_all_are_built_verified_and_promoted_and_the_old_ones_are_kept(
    world: ReplayWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.live()
    assert replayed(world, "all", "--sample", "0", "--processes", "2") == 0
    for name in NAMED:
        found = record(world, name)
        assert (found.active, found.previous, found.known(2).state) == (2, 1, State.FOLLOWING)
        assert found.known(2).trusted
        assert [line.what for line in found.audit] == ["begin", "verified", "following", "promote"]
    said = told(capsys, "tweets")
    assert said.pop("report").endswith("entities as the log says")
    records = sum(world.log.end_offsets(("tweets",)).values())
    assert said == {"generation": 2, "phase": "done", "records": records, "verified": True, "passed_by": 0}
    progress = replay_progress.read(world.settings.run_dir)
    assert progress is not None
    assert progress.finished
    assert {it.phase for it in progress.projections.values()} == {"done"}


def test_what_is_wrong_is_told_and_promoted_only_by_force_or_where_rules_have_changed(
    world: ReplayWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.live("graph")
    spoil(world)
    assert replayed(world, "graph") == STOPPED
    said = told(capsys, "graph")
    assert (said["verified"], "follows" in said["report"]) == (False, True)
    assert (record(world, "graph").active, record(world, "graph").known(2).state) == (1, State.FAILED)
    assert replayed(world, "graph", "--force") == 0
    found = record(world, "graph")
    assert (found.active, found.audit[-1].what, found.audit[-1].forced) == (3, "promote", True)
    world.live("graph", generation=3)
    spoil(world, generation=3)
    assert replayed(world, "graph", "--changed") == 0
    assert record(world, "graph").active == 4
    assert "live: follows" in told(capsys, "graph")["report"]


def spoil(world: ReplayWorld, generation: int = 1) -> None:
    """Lose a row of a generation."""
    path = world.path("graph", generation)
    store: Any = NAMED["graph"].open_store(path, world.log.log_id, world.settings)
    first = "SELECT user_id, target_id FROM follows LIMIT 1"
    store._connection.execute(f"DELETE FROM follows WHERE (user_id, target_id) IN ({first})")
    store.close()


def test_a_moment_is_frozen_and_never_promoted(world: ReplayWorld) -> None:
    world.live("tweets")
    assert replayed(world, "tweets", "--until", "tweets/0:5,tweets/1:0") == 0
    found = record(world, "tweets").known(2)
    last = world.log.end_offsets(("tweets",))[TopicPartition("tweets", 2)]
    assert (found.state, record(world, "tweets").active) == (State.FROZEN, 1)
    assert found.until == {"tweets/0": 5, "tweets/1": 0, "tweets/2": last}
    assert found.trusted


def test_a_moment_that_is_there_is_not_built_again(world: ReplayWorld, capsys: pytest.CaptureFixture[str]) -> None:
    moment = ("--until", rfc3339(EPOCH_MS + 60_000))
    assert replayed(world, "tweets", *moment) == 0
    assert replayed(world, "tweets", "graph", *moment) == 0
    assert [it.until_ms for it in record(world, "tweets").generations[1:]] == [EPOCH_MS + 60_000]
    assert record(world, "graph").known(2).state is State.FROZEN
    capsys.readouterr()
    assert replayed(world, "tweets", *moment) == 0
    assert json.loads(capsys.readouterr().out)["projections"] == {}
    assert replayed(world, "tweets", "--until", rfc3339(EPOCH_MS + 60_001)) == 0
    assert len(record(world, "tweets").generations) == 3


def test_a_dry_run_does_nothing(world: ReplayWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.live("tweets")
    assert replayed(world, "tweets", "--dry-run") == 0
    (estimate,) = json.loads(capsys.readouterr().out)
    assert estimate["records"] == sum(world.log.end_offsets(("tweets",)).values())
    assert not world.path("tweets", 2).exists()
    assert record(world, "tweets").last == 1


def test_a_folder_without_a_log_is_told(world: ReplayWorld, tmp_path: Path) -> None:
    settings = world.settings.model_copy(update={"data_dir": tmp_path / "other"})
    with pytest.raises(TroubleError, match=r"there is no log in .*other"):
        Replay(settings, parsed(["tweets"])).run()


def test_a_log_that_is_older_than_a_topic_gets_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, partitions=2)
    tmp_path.mkdir(exist_ok=True)
    with closing(create(path_of(settings.log_dir, "facts"), {"accounts": 2})):
        pass
    assert Replay(settings, parsed(["notifications", "--dry-run", "--json"])).run() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["twets"], "there is no projection 'twets'; there are: all, accounts"),
        (["tweets", "--until", "yesterday"], "'yesterday' is no time; write a time"),
        (["tweets", "--until", "follows/0:1"], "'follows/0:1' is no position of these projections' topics"),
    ],
)
def test_what_is_not_understood_is_told_with_what_is(world: ReplayWorld, arguments: list[str], said: str) -> None:
    with pytest.raises(TroubleError, match=re.escape(said)):
        replayed(world, *arguments)
