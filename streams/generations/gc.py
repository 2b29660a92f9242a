"""Deletes generations that are not needed any more.

Guarantee:  what readers follow is never touched. A generation is first marked, so that workers and readers let go of
            it, then deleted, and only then forgotten: killed anywhere, the next run goes on
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from infra.generations.record import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infra.generations.changes import Generations
    from infra.generations.record import Record
    from streams.generations.stock import Stock
    from streams.parts import Projection

LET_GO_SECONDS = 30.0  # a worker looks at the record four times a second, and finishes a batch in up to five
LOOK_SECONDS = 0.1


class Unneeded(NamedTuple):
    """One that is to go; `on_record` is no longer the case for what was left over."""

    projection: Projection
    number: int
    on_record: bool


def unneeded(stock: Stock, projection: Projection, keep: int, *, frozen: bool = False) -> list[Unneeded]:
    """Return what may go: all but the active one, those that are built or frozen, and the `keep` last others.

    The first to be kept is the one before, for a roll-back; then the newest. `frozen`: those of moments go, too.
    """
    record = stock.kept.of(projection.name)
    old = [it.number for it in record.generations if it.state is State.FOLLOWING and it.number != record.active]
    old.sort(key=lambda number: (number != record.previous, -number))
    gone_states = {State.FAILED, State.DROPPING, *([State.FROZEN] if frozen else [])}
    gone = [it.number for it in record.generations if it.state in gone_states]
    numbers = sorted({*old[keep:], *gone})
    return [
        *(Unneeded(projection, number, on_record=True) for number in numbers),
        *(Unneeded(projection, number, on_record=False) for number in stock.strays(projection)),
    ]


def collect(
    stock: Stock, generations: Generations, wanted: Sequence[Unneeded], say: Callable[[str], None]
) -> Iterator[tuple[Unneeded, str]]:
    """Delete them; yield each with the reason why it is still there, or nothing."""
    for it in wanted:
        if it.on_record:
            generations.drop(it.projection.name, it.number, also_previous=True)
            say(f"{it.projection.name}: generation {it.number} is given up")
    time.sleep(stock.readers_let_go_s if wanted else 0)  # readers look at the record, and tell nobody
    give_up_at = time.monotonic() + LET_GO_SECONDS
    for it in wanted:
        if user := _last_user(stock, it, give_up_at):
            yield it, user
            continue
        stock.delete(it.projection, it.number)
        if it.on_record:
            generations.forget(it.projection.name, it.number)
        yield it, ""


def held_back(record: Record, *, frozen: bool = False) -> list[str]:
    """Tell of those that are only deleted by name; `frozen`: those of moments are not held back."""
    states = {State.BUILDING: "half built: replay goes on with it", State.FROZEN: "kept for ?as_of"}
    if frozen:
        del states[State.FROZEN]
    return [
        f"{record.projection}: generation {it.number} is {states[it.state]}; `murmur generations drop` deletes it"
        for it in record.generations
        if it.state in states
    ]


def _last_user(stock: Stock, it: Unneeded, give_up_at: float) -> str:
    while True:
        user = stock.used_by(it.projection, it.number)
        if not user or time.monotonic() > give_up_at:
            return user
        time.sleep(LOOK_SECONDS)  # a lock that is given back wakes nobody
