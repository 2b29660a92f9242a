"""What a verification finds, as a person reads it: what, of whom, expected and found, and where the log says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from infra.log.port import Position
from streams.replay.decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from infra.log.port import LogReader, TopicPartition
    from schemas.envelope import Event

READ_RECORDS = 5_000
POSITIONS_TOLD = 5
NOTHING = "nothing"
INVARIANT = "invariant"
LIVE = "live"
REBUILT = "rebuilt"


class Finding(NamedTuple):
    """One difference. `check` is invariant, recount, live, or rebuilt where the live one is what is checked.

    `ids` are those that lead to the log's records.
    """

    check: str
    what: str
    key: str
    expected: str
    found: str
    ids: tuple[int, ...] = ()
    positions: tuple[Position, ...] = ()

    def line(self) -> str:
        """Return it for people."""
        where = ", ".join(f"{it.topic}/{it.partition}:{it.offset}" for it in self.positions[:POSITIONS_TOLD])
        more = len(self.positions) - POSITIONS_TOLD
        where += f" and {more} more" if more > 0 else ""
        told = f"{self.what} {self.key}: expected {self.expected}, found {self.found}"
        if self.check == INVARIANT:
            told = f"{self.what}: {self.expected}, but not of {self.found}"
        return f"{self.check}: {told}" + (f"  (log: {where})" if where else "")


class Report(NamedTuple):
    """What came of verifying one projection."""

    projection: str
    digest: str
    rows: int
    compared_with: int | None  # the live generation, at equal positions
    entities: int  # recounted from the log
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether nothing differs."""
        return not self.findings

    def stands(self, *, changed: bool) -> bool:
        """Tell whether it may be promoted; where rules have changed, whatever the live generation holds."""
        return not any(finding.check != LIVE or not changed for finding in self.findings)

    def line(self) -> str:
        """Return it in one line."""
        checked = f"{self.rows:,} rows, " if self.rows else ""
        live = f"as in generation {self.compared_with}" if self.compared_with else "not compared with a live generation"
        if self.findings:
            rest = f" ({len(self.findings)} differences)" if len(self.findings) > 1 else ""
            return f"{self.findings[0].line()}{rest}{self._advice()}"
        return f"{checked}{live}; {self.entities:,} entities as the log says"

    def _advice(self) -> str:
        """Return what to do where the log sides with the new generation."""
        if any(finding.check != LIVE for finding in self.findings):
            return ""
        return (
            "; the recount finds nothing wrong with the new one: is it the live one? "
            f"`murmur audit {self.projection}` tells, "
            "and `murmur replay … --changed` where it is, or where rules have changed"
        )


def shown(value: Any) -> str:
    """Return a value for people: what is nothing, by its name; what is long, cut."""
    text = NOTHING if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - a line on a screen


def events_upto(
    log: LogReader, upto: Mapping[TopicPartition, int], topics: Collection[str]
) -> Iterator[tuple[TopicPartition, int, Event]]:
    """Return every event of these topics below the given positions that can be read, with where it stands."""
    for place, end in upto.items():
        if place.topic not in topics:
            continue
        offset = 0
        while offset < end and (batch := log.read(*place, offset, min(READ_RECORDS, end - offset))):
            for at, event in enumerate(decoded(batch.values, frozenset()).events, offset):
                if event is not None:
                    yield place, at, event
            offset = batch.next_offset


def located(
    findings: Collection[Finding], log: LogReader, upto: Mapping[TopicPartition, int], topics: Collection[str]
) -> list[Finding]:
    """Return the findings with the positions of the records that name their ids; reads the log, where there are any."""
    wanted = {it for finding in findings if not finding.positions for it in finding.ids}
    if not wanted:
        return list(findings)
    where: dict[int, list[Position]] = {it: [] for it in wanted}
    for place, offset, event in events_upto(log, upto, topics):
        named = wanted.intersection(value for value in msgspec.structs.astuple(event) if type(value) is int)
        for it in named:
            where[it].append(Position(*place, offset))
    return [it if it.positions else it._replace(positions=_named_by(it.ids, where)) for it in findings]


def _named_by(ids: Collection[int], where: Mapping[int, list[Position]]) -> tuple[Position, ...]:
    """Return the records that name all of these ids; where there are none, those that name any."""
    each = [set(where[it]) for it in ids]
    found = set.intersection(*each) or set.union(*each) if each else set()
    return tuple(sorted(found, key=_last))


def _last(position: Position) -> tuple[str, int, int]:
    return position.topic, position.partition, position.offset
