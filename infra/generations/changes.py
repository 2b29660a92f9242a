"""What replay and operators do to generations: each is one atomic change, decided upon the record and written down.

Decisions are pure functions of a record; where records are kept (infra.generations.files, and servers) a change is one
step: of two at once, one comes after the other and is decided upon what that one left.
"""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

import msgspec

from infra.generations.record import LIST, Change, Generation, Record, State
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.generations.record import Kept, Positions, Verification

AUDIT_KEPT = 200

_MAY_BECOME = {
    State.BUILDING: {State.FOLLOWING, State.FROZEN, State.FAILED, State.BUILDING},
    State.FAILED: {State.BUILDING, State.FAILED},
    State.FOLLOWING: {State.FOLLOWING, State.FAILED},
    State.FROZEN: {State.FROZEN, State.FAILED},
    State.DROPPING: set(),
}


def operator() -> str:
    """Return who is at the keyboard, for the audit."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = "?"
    return f"{name}@{socket.gethostname()}"


class Generations:
    """The changes, each with a line in the audit; they raise TroubleError."""

    def __init__(self, kept: Kept, clock: Clock, who: str = "") -> None:
        self._kept = kept
        self._clock = clock
        self._who = who or operator()

    def of(self, projection: str) -> Record:
        """Return what is recorded."""
        return self._kept.of(projection)

    def begin(
        self,
        projection: str,
        schema_version: int,
        *,
        since: Positions | None = None,
        until: Positions | None = None,
        until_ms: int | None = None,
        note: str = "",
    ) -> int:
        """Give a number to a new generation, `building`; return it. Its store is made by whoever builds it."""

        def decide(record: Record) -> Record:
            made = Generation(
                record.last + 1,
                State.BUILDING,
                self._clock.now_ms(),
                schema_version,
                since or {},
                until or {},
                until_ms,
                note=note,
            )
            record = msgspec.structs.replace(record, last=made.number, generations=(*record.generations, made))
            return self._audited(record, "begin", made.number, note=note)

        return self._kept.change(projection, decide).last

    def mark(
        self, projection: str, number: int, state: State, *, until: Positions | None = None, note: str = ""
    ) -> Record:
        """Say how a generation is now; `note` tells why it failed."""

        def decide(record: Record) -> Record:
            found = record.known(number)
            if state not in _MAY_BECOME[found.state] or (number == record.active and state is not State.FOLLOWING):
                what = f"generation {number} of {projection} is {found.state}, and cannot become {state}"
                raise TroubleError(what, LIST)
            changed = msgspec.structs.replace(found, state=state, note=note or found.note)
            if until is not None:
                changed = msgspec.structs.replace(changed, until=until)
            return self._audited(_with(record, changed), str(state), number, note=note)

        return self._kept.change(projection, decide)

    def verified(self, projection: str, number: int, verification: Verification) -> Record:
        """Write down what came of a verification; a later one takes its place."""

        def decide(record: Record) -> Record:
            found = record.known(number)
            what = "verified" if verification.verified else "found wrong"
            record = _with(record, msgspec.structs.replace(found, verification=verification))
            return self._audited(record, what, number, note=verification.report)

        return self._kept.change(projection, decide)

    def promote(
        self, projection: str, number: int, *, force: bool = False, instead_of: int | None = None, note: str = ""
    ) -> Record:
        """Let readers follow a generation; `instead_of`: only where that one is active still.

        It has to be followed, and trusted unless `force` says otherwise, which the audit keeps.
        """

        def decide(record: Record) -> Record:
            _check_unmoved(record, instead_of)
            found = check_promotable(record, number, force=force)
            return self._audited(
                _pointing(record, found), "promote", number, forced=force and not found.trusted, note=note
            )

        return self._kept.change(projection, decide)

    def rollback(self, projection: str, *, instead_of: int | None = None, note: str = "") -> Record:
        """Let readers go back to the generation before; once more, and they are where they were."""

        def decide(record: Record) -> Record:
            _check_unmoved(record, instead_of)
            found = check_revertible(record)
            return self._audited(_pointing(record, found), "rollback", found.number, note=note)

        return self._kept.change(projection, decide)

    def drop(self, projection: str, number: int, *, also_previous: bool = False) -> Record:
        """Say that nobody may use a generation any more; never the active one, nor the one before unless told so."""

        def decide(record: Record) -> Record:
            found = record.known(number)
            if number == record.active:
                raise TroubleError(f"generation {number} of {projection} is active", "promote another one first")
            if number == record.previous and not also_previous:
                what = f"generation {number} of {projection} is kept for a roll-back"
                raise TroubleError(what, "`murmur generations gc --keep 0` deletes it, too")
            record = _with(record, msgspec.structs.replace(found, state=State.DROPPING))
            if number == record.previous:
                record = msgspec.structs.replace(record, previous=None)
            return record if found.state is State.DROPPING else self._audited(record, "drop", number)

        return self._kept.change(projection, decide)

    def forget(self, projection: str, number: int) -> Record:
        """Take a generation off the record, after what it had is deleted; one that is not there is forgotten."""

        def decide(record: Record) -> Record:
            found = record.get(number)
            if found is None:
                return record
            if found.state is not State.DROPPING:
                raise TroubleError(f"generation {number} of {projection} is {found.state}", "drop it first")
            left = tuple(it for it in record.generations if it.number != number)
            return self._audited(msgspec.structs.replace(record, generations=left), "forget", number)

        return self._kept.change(projection, decide)

    def _audited(self, record: Record, what: str, number: int, *, forced: bool = False, note: str = "") -> Record:
        line = Change(self._clock.now_ms(), self._who, what, number, forced, note)
        return msgspec.structs.replace(record, audit=(*record.audit, line)[-AUDIT_KEPT:])


def check_promotable(record: Record, number: int, *, force: bool) -> Generation:
    """Return the generation where it may be promoted; raises TroubleError with the reason."""
    found, name = record.known(number), f"generation {number} of {record.projection}"
    if number == record.active:
        raise TroubleError(f"{name} is active already", "")
    if found.state is State.FROZEN:
        raise TroubleError(f"{name} is frozen where it was built to, for ?as_of", "build one without --until")
    if found.state is not State.FOLLOWING:
        raise TroubleError(f"{name} is {found.state}", LIST)
    if not found.trusted and not force:
        said = "was not verified" if found.verification is None else f"was found wrong: {found.verification.report}"
        raise TroubleError(f"{name} {said}", "verify it, or take the risk with --force, which is written down")
    return found


def check_revertible(record: Record) -> Generation:
    """Return the generation that a roll-back leads to; raises TroubleError where there is none."""
    found = None if record.previous is None else record.get(record.previous)
    if found is None or found.state is not State.FOLLOWING:
        raise TroubleError(f"{record.projection} has no generation to go back to", LIST)
    return found


def _check_unmoved(record: Record, instead_of: int | None) -> None:
    if instead_of is not None and record.active != instead_of:
        what = f"{record.projection} reads generation {record.active} since just now, not {instead_of}"
        raise TroubleError(what, f"somebody else was faster; {LIST}")


def _pointing(record: Record, target: Generation) -> Record:
    record = _with(record, msgspec.structs.replace(target, served=True))
    return msgspec.structs.replace(record, active=target.number, previous=record.active)


def _with(record: Record, changed: Generation) -> Record:
    those = tuple(changed if it.number == changed.number else it for it in record.generations)
    return msgspec.structs.replace(record, generations=those)
