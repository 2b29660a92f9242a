"""Proves a generation right before readers see it: by itself, beside the live one, and by the log.

Three checks, each of which stops promotion: the projection's invariants; the content of the live generation at the
very same positions, row by row; and a recount of sampled entities from the log, by code that shares nothing with the
projector (streams.replay.recount). Both files stand still meanwhile: the new one because nobody writes it yet, the live
one because a snapshot of it is held.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.sqlite.connections import rows
from infra.sqlite.content import compare
from streams.replay.findings import INVARIANT, LIVE, Finding, Report, located, shown
from streams.replay.hearing import hear_alone
from streams.replay.pages import page_differences, readers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import apsw

    from infra.log.port import LogReader, TopicPartition
    from infra.sqlite.content import RowDifference
    from streams.replay.hearing import Hearing
    from streams.replay.kinds import Kind

MOST_FINDINGS = 20  # of a check: enough to see what kind it is


class Pinned(NamedTuple):
    """A reader of a live generation that holds a snapshot, the snapshot's connection and its checkpoints."""

    reader: Any
    connection: apsw.Connection
    upto: dict[TopicPartition, int]


class Subject(NamedTuple):
    """What is verified, held still, and what it is compared with at the very same positions.

    `beside` is how differences to that are called.
    """

    name: str
    kind: Kind
    pin: Pinned
    hearing: Hearing
    other: Pinned | None = None
    other_generation: int | None = None
    beside: str = LIVE


@contextmanager
def pinned(kind: Kind, path: Path) -> Iterator[Pinned]:
    """Hold a file as it is now."""
    with closing(kind.open_reader(path)) as reader, reader.snapshot() as connection:
        yield Pinned(reader, connection, reader.checkpoints())


def verify(subjects: Sequence[Subject], log: LogReader, turn: int) -> dict[str, Report]:
    """Verify each; what recounts have not heard yet is read once for all of them."""
    began = time.monotonic()
    hear_alone({it.hearing: it.pin.upto for it in subjects}, log)
    each = (time.monotonic() - began) / max(1, len(subjects))
    return {it.name: _verified(it, log, each, turn) for it in subjects}


def _verified(subject: Subject, log: LogReader, seconds: float, turn: int) -> Report:
    began, recount = time.monotonic(), subject.hearing.recount
    told, digest, differing = _compared(subject, turn)
    findings = [*_broken(subject), *differing, *_first(recount.differences(subject.pin.reader))]
    findings = located(findings, log, subject.pin.upto, {place.topic for place in subject.pin.upto})
    spent = seconds + time.monotonic() - began
    return Report(subject.name, digest, told, subject.other_generation, recount.entities(), tuple(findings), spent)


def _broken(subject: Subject) -> Iterator[Finding]:
    for invariant in subject.kind.content.invariants:
        for row in rows(subject.pin.connection, f"{invariant.broken} LIMIT {MOST_FINDINGS}"):
            ids = tuple(it for it in row[:2] if type(it) is int)
            yield Finding(INVARIANT, subject.name, str(row[0]), invariant.says, shown(row), ids)


def _compared(subject: Subject, turn: int) -> tuple[int, str, list[Finding]]:
    pin, other = subject.pin, subject.other
    findings: list[Finding] = []
    told, digests = 0, []
    for table in subject.kind.content.tables:
        result = compare(pin.connection, other.connection if other else None, table, MOST_FINDINGS)
        told += result.rows
        digests.append(f"{table.name}={result.digest}")
        findings += [difference(it, subject.beside) for it in result.differences]
    if other is not None and subject.kind.pages and pin.reader.schema_version() == other.reader.schema_version():
        chosen = readers_of(other.connection, turn)
        findings += _first(page_differences(chosen, pin.reader, other.reader, subject.beside))
    return told, " ".join(digests), findings


def difference(it: RowDifference, beside: str) -> Finding:
    """Return a row that differs as people read it: `one` is what is checked, `other` what it is compared with."""
    ids = tuple(value for _, value in it.key if type(value) is int)
    named = ", ".join(f"{column} {value}" for column, value in it.key)
    if it.one is None or it.other is None:
        return Finding(beside, it.table, named, shown(it.other), shown(it.one), ids)
    apart = [at for at, both in enumerate(zip(it.one, it.other, strict=True)) if both[0] != both[1]]
    expected, found = (", ".join(f"{it.columns[at]} {row[at]!r}" for at in apart) for row in (it.other, it.one))
    return Finding(beside, it.table, named, shown(expected), shown(found), ids)


def _first(findings: Iterator[Finding]) -> list[Finding]:
    return [finding for finding, _ in zip(findings, range(MOST_FINDINGS), strict=False)]
