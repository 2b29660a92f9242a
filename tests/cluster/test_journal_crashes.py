"""A process that commits dies at each step; another one finishes what it began, and nothing is lost or kept held.

The processes of all steps die at once, each with names of its own; then the survivor takes up one after another.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from infra.journal.port import AlreadyClaimedError, Claim, Commit
from infra.log.port import LogUnavailableError
from tests.builders import posted
from tests.cluster.journal_process import DIED, FIRST_TWEET, commit_of, key_of
from tests.cluster.journal_racer import BLOCK, FOLLOW, UNBLOCK
from tests.cluster.journal_world import ClusterWorld, own_keyspace
from tests.conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.journal.port import Answer, Journal
    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

PARTITIONS = {"tweets": 1}
STEPS = {"key": 10, "claim": 22, "claim and key": 16, "free": 8}  # at the next one a process lives
SECOND_TWEET = 2000


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "kafka", "cassandra")) as settings:
        yield settings


@pytest.fixture
def world(tables: Settings) -> Iterator[ClusterWorld]:
    with contextlib.closing(ClusterWorld(tables, PARTITIONS)) as opened:
        yield opened


def let_die(world: ClusterWorld, what: str) -> None:
    """Run a process for each step; all of them die, but for the last, which has no such step any more."""

    def run(step: int) -> int:
        command = [sys.executable, "-m", "tests.cluster.journal_process", world.prefix, what, str(step)]
        environment = world.settings.environment()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in {0, DIED}, done.stderr
        return done.returncode

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(run, range(STEPS[what] + 1))) == [DIED] * STEPS[what] + [0]


async def insist(journal: Journal, commit: Commit) -> Answer:
    """Commit as a client does: again while it may pass."""
    while True:
        with contextlib.suppress(LogUnavailableError):
            return await journal.commit(commit)


def said(world: ClusterWorld, step: int) -> list[int]:
    """Return what stands on the log for a step: 1 for its process, 2 for the survivor."""
    tweets = [event.tweet_id for event in world.tweets()]  # type: ignore[attr-defined]
    return [it // 1000 for it in tweets if it % 1000 == step]


async def test_a_key_is_answered_once_wherever_its_process_died(world: ClusterWorld) -> None:
    let_die(world, "key")
    for step in range(STEPS["key"] + 1):
        before = said(world, step)
        answer = await insist(world.journal, commit_of("key", step, SECOND_TWEET + step))
        winner = int(answer.body) // 1000
        assert said(world, step) == [winner]
        assert not before or before == [winner]
        assert world.journal.answered(key_of(step)) == answer._replace(replayed=True)


@pytest.mark.parametrize("what", ["claim", "claim and key"])
async def test_a_name_is_owned_with_its_event_or_free_without_wherever_its_process_died(
    world: ClusterWorld, what: str
) -> None:
    for step in range(STEPS[what] + 1):
        await world.journal.commit(Commit((), (Claim(f"old-{step}", 1),), (), 200, b"", None))
    let_die(world, what)
    for step in range(STEPS[what] + 1):
        rival = Commit((posted(1, SECOND_TWEET + step),), (Claim(f"name-{step}", 2),), (), 201, b"", None)
        try:
            await insist(world.journal, rival)
            winner = 2
        except AlreadyClaimedError:
            winner = 1
        await insist(world.journal, Commit((), (), (Claim(f"name-{step}", winner),), 200, b"", None))
        assert said(world, step) == [winner]
        owners = [world.journal.owner(f"{name}-{step}") for name in ("name", "other", "old")]
        assert owners == ([None, 1, None] if winner == 1 else [None, None, 1])
        if "key" in what and winner == 1:
            answer = await insist(world.journal, commit_of(what, step, SECOND_TWEET + step))
            assert (answer.body, answer.replayed) == (b"%d" % (FIRST_TWEET + step), True)
            assert len(answer.positions) == 1


async def test_what_had_to_be_free_stands_before_what_takes_it_wherever_its_process_died(world: ClusterWorld) -> None:
    let_die(world, "free")
    for step in range(STEPS["free"] + 1):
        before = said(world, step)
        block = Commit((posted(1, SECOND_TWEET + step),), (Claim(f"free-{step}", 1),), (), 201, b"", None)
        await insist(world.journal, block)
        assert said(world, step) == [*before, 2]
        assert before in ([], [1])


async def test_a_sweep_finishes_what_dead_processes_left_and_nobody_asks_for(world: ClusterWorld) -> None:
    for step in range(STEPS["claim"] + 1):
        await world.journal.commit(Commit((), (Claim(f"old-{step}", 1),), (), 200, b"", None))
    let_die(world, "claim")
    while world.session.run("SELECT intent FROM under_way"):
        await world.journal.prune(0)
    assert world.session.run("SELECT id FROM intents") == []
    assert {intent for (intent,) in world.session.run("SELECT intent FROM claims")} == {None}
    for step in range(STEPS["claim"] + 1):
        owner = world.journal.owner(f"name-{step}")
        assert said(world, step) == ([] if owner is None else [1])
        assert world.journal.owner(f"old-{step}") == (1 if owner is None else None)


def test_no_follow_stands_between_a_block_and_its_end_when_two_processes_race(world: ClusterWorld) -> None:
    module = [sys.executable, "-m", "tests.cluster.journal_racer", world.prefix]
    environment = world.settings.environment()
    racers = [subprocess.Popen([*module, *told], env=environment) for told in (("follow", "60"), ("block", "20"))]
    assert [racer.wait(timeout=120) for racer in racers] == [0, 0]
    said = [event.tweet_id for event in world.tweets()]  # type: ignore[attr-defined]
    blocked = False
    for tweet_id in said:
        assert not (blocked and FOLLOW <= tweet_id < BLOCK), said
        blocked = BLOCK <= tweet_id < UNBLOCK if tweet_id >= BLOCK else blocked
    assert len([it for it in said if it >= BLOCK]) == 40
    assert len(said) == len(set(said))
