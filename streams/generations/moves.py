"""Lets readers have another generation: promote, roll back, and what is looked at before.

Guarantee:  one change of one record: killed before it nothing has happened, after it all; of two operators at once one
            is told that the other was faster
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.generations.changes import check_promotable, check_revertible
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from infra.generations.changes import Generations
    from infra.generations.record import Generation, Record
    from streams.generations.stock import Stock
    from streams.parts import Projection

MOST_BEHIND = 1_000  # records that a generation may be behind the active one: it is kept up, if not to the last moment


def promote(stock: Stock, generations: Generations, projection: Projection, number: int, *, force: bool) -> Record:
    """Let readers have a generation that is verified and kept up; raises TroubleError."""
    record = generations.of(projection.name)
    found = check_promotable(record, number, force=force)
    if not force:
        _check_usable(stock, projection, record, found)
    return generations.promote(projection.name, number, force=force, instead_of=record.active)


def rollback(stock: Stock, generations: Generations, projection: Projection, *, force: bool) -> Record:
    """Let readers have the generation before; raises TroubleError."""
    record = generations.of(projection.name)
    found = check_revertible(record)
    if not force:
        _check_usable(stock, projection, record, found)
    return generations.rollback(projection.name, instead_of=record.active)


def waiting(stock: Stock, projection: Projection, number: int) -> int | None:
    """Return how many records a generation has not applied; None where there is nothing of it."""
    done = stock.checkpoints(projection, number)
    if done is None:
        return None
    return sum(max(0, end - done.get(place, 0)) for place, end in stock.ends(projection.topics).items())


def _check_usable(stock: Stock, projection: Projection, record: Record, found: Generation) -> None:
    name = f"generation {found.number} of {projection.name}"
    if not found.is_of(stock.version(projection)):
        what = f"{name} is of version {found.schema_version}, this program of version {stock.version(projection)}"
        raise TroubleError(what, "use the program of that version, or --force")
    left = waiting(stock, projection, found.number)
    if left is None:
        raise TroubleError(f"there is nothing of {name}", "start the stream workers, or build another one")
    if left > MOST_BEHIND + (waiting(stock, projection, record.active) or 0):
        what = f"{name} is {left:,} records behind"
        raise TroubleError(what, "wait until the stream workers have caught up, or use --force")
