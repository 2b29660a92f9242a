"""What every keeper of generations promises; tests/cluster/test_generations_contract.py runs it over Cassandra."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State, Verification
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from infra.generations.record import Kept, Record

RIGHT = Verification(verified=True, at_ms=5, digest="d1", report="1,000 of 1,000 as the log says")
WRONG = Verification(verified=False, at_ms=6, digest="d2", report="tweets/3 offset 7: a count of 2, not 1")


@pytest.fixture
def keeper(tmp_path: Path) -> Callable[[], Kept]:
    """Return what opens the same records as another process would."""
    return lambda: FileGenerations(tmp_path / "projections")


@pytest.fixture
def generations(keeper: Callable[[], Kept]) -> Generations:
    return Generations(keeper(), SystemClock(), "ada@machine")


def following(generations: Generations, verification: Verification | None = RIGHT) -> int:
    number = generations.begin("tweets", 1)
    generations.mark("tweets", number, State.FOLLOWING)
    if verification is not None:
        generations.verified("tweets", number, verification)
    return number


def audit(record: Record) -> list[tuple[str, int]]:
    return [(line.what, line.number) for line in record.audit]


def test_where_nothing_is_recorded_the_first_generation_is_followed_and_active(keeper: Callable[[], Kept]) -> None:
    record = keeper().of("tweets")
    assert (record.active, record.previous) == (1, None)
    assert [(it.number, it.state) for it in record.generations] == [(1, State.FOLLOWING)]


def test_a_change_is_seen_by_whoever_looked_before(keeper: Callable[[], Kept], generations: Generations) -> None:
    other = keeper()
    other.of("tweets")
    number = generations.begin("tweets", 2, since={"tweets/0": 7}, note="a new column")
    found = other.of("tweets").known(number)
    assert (found.state, found.schema_version, found.since) == (State.BUILDING, 2, {"tweets/0": 7})
    assert other.of("graph").last == 1


def test_promoted_and_rolled_back_the_pointer_moves_and_nothing_else(generations: Generations) -> None:
    number = following(generations)
    promoted = generations.promote("tweets", number)
    assert (promoted.active, promoted.previous) == (number, 1)
    back = generations.rollback("tweets")
    assert (back.active, back.previous) == (1, number)
    forth = generations.rollback("tweets")
    assert (forth.active, forth.previous) == (number, 1)
    assert audit(forth)[-3:] == [("promote", number), ("rollback", 1), ("rollback", number)]
    assert {line.who for line in forth.audit} == {"ada@machine"}


@pytest.mark.parametrize("verification", [None, WRONG])
def test_what_is_not_verified_is_promoted_by_force_only(
    generations: Generations, verification: Verification | None
) -> None:
    number = following(generations, verification)
    with pytest.raises(TroubleError, match="--force"):
        generations.promote("tweets", number)
    assert generations.of("tweets").active == 1
    assert generations.promote("tweets", number, force=True).audit[-1].forced


@pytest.mark.parametrize("state", [State.BUILDING, State.FROZEN, State.FAILED])
def test_only_what_is_followed_is_promoted_also_by_force(generations: Generations, state: State) -> None:
    number = generations.begin("tweets", 1)
    generations.mark("tweets", number, state)
    generations.verified("tweets", number, RIGHT)
    with pytest.raises(TroubleError, match=f"is {state}"):
        generations.promote("tweets", number, force=True)


def test_what_is_active_is_neither_promoted_again_nor_spoiled_nor_dropped(generations: Generations) -> None:
    with pytest.raises(TroubleError, match="active already"):
        generations.promote("tweets", 1)
    with pytest.raises(TroubleError, match="cannot become failed"):
        generations.mark("tweets", 1, State.FAILED)
    with pytest.raises(TroubleError, match="is active"):
        generations.drop("tweets", 1)
    with pytest.raises(TroubleError, match="no generation to go back to"):
        generations.rollback("tweets")


def test_the_generation_before_is_dropped_only_on_demand_and_then_forgotten(generations: Generations) -> None:
    generations.promote("tweets", following(generations))
    with pytest.raises(TroubleError, match="kept for a roll-back"):
        generations.drop("tweets", 1)
    with pytest.raises(TroubleError, match="drop it first"):
        generations.forget("tweets", 1)
    assert generations.drop("tweets", 1, also_previous=True).previous is None
    with pytest.raises(TroubleError, match="no generation to go back to"):
        generations.rollback("tweets")
    generations.forget("tweets", 1)
    assert generations.forget("tweets", 1).get(1) is None


def test_a_number_is_never_given_twice(generations: Generations) -> None:
    first = generations.begin("tweets", 1)
    generations.drop("tweets", first)
    generations.forget("tweets", first)
    assert generations.begin("tweets", 1) == first + 1


def test_of_two_who_promote_at_once_one_is_told_that_the_other_was_faster(
    keeper: Callable[[], Kept], generations: Generations
) -> None:
    numbers = [following(generations), following(generations)]

    def promote(number: int) -> str:
        try:
            Generations(keeper(), SystemClock()).promote("tweets", number, instead_of=1)
        except TroubleError as refused:
            return str(refused)
        return ""

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(promote, numbers))
    winner = numbers[told.index("")]
    assert generations.of("tweets").active == winner
    assert f"reads generation {winner} since just now" in told[1 - told.index("")]


def test_changes_of_many_at_once_are_all_kept(keeper: Callable[[], Kept]) -> None:
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: Generations(keeper(), SystemClock()).begin("graph", 1), range(12)))
    assert sorted(begun) == list(range(2, 14))
    assert [it.number for it in keeper().of("graph").generations] == list(range(1, 14))


def test_readers_of_two_versions_read_each_their_own(generations: Generations, keeper: Callable[[], Kept]) -> None:
    old = following(generations)
    generations.promote("tweets", old)
    new = generations.begin("tweets", 2)
    generations.mark("tweets", new, State.FOLLOWING)
    generations.promote("tweets", new, force=True)
    record = keeper().of("tweets")
    read = [[it.number for it in record.candidates(version)] for version in (1, 2, 3)]
    assert read == [[old, 1], [new, 1], [1]]  # of the first no version is on record: its store tells
    assert [it.number for it in record.followed(2)] == [1, new]
