"""Proves a generation right before readers see it: by itself, beside the live one, and by the log.

Three checks, each of which stops promotion: the projection's invariants; the content of the live generation at the
very same positions, row by row; and a recount of sampled entities from the log, by code that shares nothing with the
projector (streams.replay.recount). Both files stand still meanwhile: the new one because nobody writes it yet, the live
one because a snapshot of it is held.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.sqlite.connections import rows
from infra.sqlite.content import compare
from streams.replay.findings import Finding, Report, located, shown
from streams.replay.hearing import hear_alone
from streams.replay.pages import page_differences, readers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
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
    """A file to verify, and what it is compared with; both stand at `upto`."""

    name: str
    kind: Kind
    path: Path
    upto: Mapping[TopicPartition, int]
    hearing: Hearing
    live: Pinned | None = None
    live_generation: int | None = None


@contextmanager
def pinned(kind: Kind, path: Path) -> Iterator[Pinned]:
    """Hold a file as it is now."""
    with closing(kind.open_reader(path)) as reader, reader.snapshot() as connection:
        yield Pinned(reader, connection, reader.checkpoints())


def verify(subjects: Sequence[Subject], log: LogReader, turn: int) -> dict[str, Report]:
    """Verify each; what recounts have not heard yet is read once for all of them."""
    with ExitStack() as open_things:
        began = time.monotonic()
        hear_alone({it.hearing: it.upto for it in subjects}, log)
        each = (time.monotonic() - began) / max(1, len(subjects))
        return {it.name: _verified(it, log, each, turn, open_things) for it in subjects}


def _verified(subject: Subject, log: LogReader, seconds: float, turn: int, open_things: ExitStack) -> Report:
    recount = subject.hearing.recount
    began = time.monotonic()
    pin = open_things.enter_context(pinned(subject.kind, subject.path))
    findings = list(_broken(subject, pin.connection))
    rows_, digest, differing = _compared(subject, pin, turn)
    findings += differing
    findings += _first(recount.differences(pin.reader))
    findings = located(findings, log, subject.upto, {place.topic for place in subject.upto})
    spent = seconds + time.monotonic() - began
    return Report(subject.name, digest, rows_, subject.live_generation, recount.entities(), tuple(findings), spent)


def _broken(subject: Subject, connection: apsw.Connection) -> Iterator[Finding]:
    for invariant in subject.kind.content.invariants:
        for row in rows(connection, f"{invariant.broken} LIMIT {MOST_FINDINGS}"):
            ids = tuple(it for it in row[:2] if type(it) is int)
            yield Finding("invariant", subject.name, str(row[0]), invariant.says, shown(row), ids)


def _compared(subject: Subject, pin: Pinned, turn: int) -> tuple[int, str, list[Finding]]:
    live = subject.live
    findings: list[Finding] = []
    told, digests = 0, []
    for table in subject.kind.content.tables:
        result = compare(pin.connection, live.connection if live else None, table, MOST_FINDINGS)
        told += result.rows
        digests.append(f"{table.name}={result.digest}")
        findings += [_difference(it) for it in result.differences]
    if live is not None and subject.kind.pages:
        chosen = readers_of(live.connection, turn)
        findings += _first(page_differences(chosen, pin.reader, live.reader))
    return told, " ".join(digests), findings


def _difference(it: RowDifference) -> Finding:
    ids = tuple(value for _, value in it.key if type(value) is int)
    named = ", ".join(f"{column} {value}" for column, value in it.key)
    if it.one is None or it.other is None:
        return Finding("live", it.table, named, shown(it.other), shown(it.one), ids)
    apart = [at for at, both in enumerate(zip(it.one, it.other, strict=True)) if both[0] != both[1]]
    expected, found = (", ".join(f"{it.columns[at]} {row[at]!r}" for at in apart) for row in (it.other, it.one))
    return Finding("live", it.table, named, shown(expected), shown(found), ids)


def _first(findings: Iterator[Finding]) -> list[Finding]:
    return [finding for finding, _ in zip(findings, range(MOST_FINDINGS), strict=False)]
