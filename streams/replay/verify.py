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
from streams.replay.build import cheapest
from streams.replay.findings import Finding, Report, events_upto, located, shown
from streams.replay.pages import page_differences, readers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import apsw

    from infra.log.port import LogReader, TopicPartition
    from infra.sqlite.content import RowDifference
    from streams.replay.kinds import Kind
    from streams.replay.recount.port import Recount
    from streams.replay.sample import Sample

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
    live: Pinned | None = None
    live_generation: int | None = None


@contextmanager
def pinned(kind: Kind, path: Path) -> Iterator[Pinned]:
    """Hold a file as it is now."""
    with closing(kind.open_reader(path)) as reader, reader.snapshot() as connection:
        yield Pinned(reader, connection, reader.checkpoints())


def verify(subjects: Sequence[Subject], log: LogReader, sample: Sample) -> dict[str, Report]:
    """Verify each; the log is read once for all that is recounted."""
    with ExitStack() as open_things:
        began = time.monotonic()
        counted = {it.name: it.kind.recount(sample) for it in subjects if it.kind.recount is not None}
        recount_all(subjects, log, counted)
        each = (time.monotonic() - began) / max(1, len(subjects))
        return {it.name: _verified(it, log, counted.get(it.name), each, sample.turn, open_things) for it in subjects}


def recount_all(subjects: Sequence[Subject], log: LogReader, counted: Mapping[str, Recount]) -> None:
    """Let each recount hear the log up to its subject's positions."""
    upto = {it.name: it.upto for it in subjects}
    ends: dict[TopicPartition, int] = {}
    for it in subjects:
        if it.name in counted:
            ends |= {place: max(end, ends.get(place, 0)) for place, end in it.upto.items()}
    for topic in dict.fromkeys(place.topic for place in sorted(ends, key=cheapest)):
        listening = [(counted[name], upto[name]) for name in counted if any(it.topic == topic for it in upto[name])]
        for place, offset, event in events_upto(log, ends, (topic,)):
            for recount, own in listening:
                if offset < own.get(place, 0):
                    recount.take(place, offset, event)


def _verified(
    subject: Subject, log: LogReader, recount: Recount | None, seconds: float, turn: int, open_things: ExitStack
) -> Report:
    began = time.monotonic()
    pin = open_things.enter_context(pinned(subject.kind, subject.path))
    findings = list(_broken(subject, pin.connection))
    rows_, digest, differing = _compared(subject, pin, turn)
    findings += differing
    if recount is not None:
        findings += _first(recount.differences(pin.reader))
    findings = located(findings, log, subject.upto, {place.topic for place in subject.upto})
    entities = 0 if recount is None else recount.entities()
    spent = seconds + time.monotonic() - began
    return Report(subject.name, digest, rows_, subject.live_generation, entities, tuple(findings), spent)


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
