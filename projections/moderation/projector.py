"""Decides what an event changes about a case.

Consumes:   ReportFiled, CaseClaimed, CaseReleased, NoteAdded, CaseDecided, Appealed, AppealDecided, TextErased,
            TopicDenied
Writes:     nothing itself; returns the NamedTuples below for the store
Guarantee:  the same events give the same writes; no clock, no I/O; each write says how it is, not what is added
Rebuild:    safe from position 0, in any interleaving that keeps each subject's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

import msgspec

from projections.moderation.read_model import APPEALED, DECIDED, OPEN, Audited, Entry, Report
from schemas.moderation.events import (
    AppealDecided,
    Appealed,
    CaseClaimed,
    CaseDecided,
    CaseReleased,
    NoteAdded,
    ReportFiled,
    TextErased,
    TopicDenied,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.envelope import Event

_NOT_SAID = frozenset(
    {"envelope", "owner_id", "subject_kind", "subject_id", "sealed", "moderator_id", "reporter_id", "user_id"}
)


class SetCase(NamedTuple):
    """Set the fields that are not None; the case is made where it is not there."""

    subject_id: int
    subject_kind: str | None = None
    owner_id: int | None = None
    status: str | None = None
    queued_ms: int | None = None
    claimed_by: int | None = None
    claimed_ms: int | None = None
    action: str | None = None
    label: str | None = None
    until_ms: int | None = None
    reason: str | None = None
    decided_by: int | None = None
    decided_ms: int | None = None
    appeal: str | None = None
    appealed_ms: int | None = None
    upheld: int | None = None


class BlankReport(NamedTuple):
    """What the reporter wrote is not known any more."""

    subject_id: int
    reporter_id: int


class Deny(NamedTuple):
    """The topic must not trend, or may."""

    topic: str
    denied: bool


Fact = (
    ReportFiled
    | CaseClaimed
    | CaseReleased
    | NoteAdded
    | CaseDecided
    | Appealed
    | AppealDecided
    | TextErased
    | TopicDenied
)
Write = SetCase | Report | BlankReport | Entry | Audited | Deny


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, in the events' order."""
    return [write for event in cast("Sequence[Fact]", events) for write in (*_writes(event), _audited(event))]


def _writes(event: Fact) -> Iterator[Write]:
    subject, at_ms = event.subject_id, event.envelope.occurred_at_ms
    match event:
        case ReportFiled():
            yield SetCase(subject, event.subject_kind, event.owner_id, OPEN, at_ms)
            yield Report(subject, event.reporter_id, event.reason, event.comment, at_ms)
            yield Entry(at_ms, subject)
        case CaseClaimed():
            kind, owner = event.subject_kind or None, event.owner_id or None
            yield SetCase(subject, kind, owner, claimed_by=event.moderator_id, claimed_ms=at_ms)
        case CaseReleased():
            yield SetCase(subject, claimed_by=0, claimed_ms=0)
        case NoteAdded():
            yield SetCase(subject, event.subject_kind or None, event.owner_id or None)
        case CaseDecided():
            yield _decided(event)
        case Appealed():
            yield SetCase(subject, status=APPEALED, queued_ms=at_ms, appeal=event.text, appealed_ms=at_ms, upheld=-1)
            yield Entry(at_ms, subject)
        case AppealDecided():
            yield SetCase(subject, status=DECIDED, upheld=int(event.upheld), claimed_by=0, claimed_ms=0)
        case TopicDenied():
            yield Deny(event.topic, event.denied)
        case TextErased():
            yield from _erased(event)
        case _:
            assert_never(event)


def _erased(event: TextErased) -> Iterator[Write]:
    if event.reported:
        yield BlankReport(event.subject_id, event.user_id)
    if event.appealed:
        yield SetCase(event.subject_id, appeal="")


def _decided(event: CaseDecided) -> SetCase:
    """Return the decision that stands; what was decided before, and an appeal against it, are the audit's."""
    return SetCase(
        event.subject_id,
        event.subject_kind,
        event.owner_id,
        DECIDED,
        claimed_by=0,
        claimed_ms=0,
        action=event.action,
        label=event.label,
        until_ms=event.until_ms,
        reason=event.reason,
        decided_by=event.moderator_id,
        decided_ms=event.envelope.occurred_at_ms,
        appeal="",
        appealed_ms=0,
        upheld=-1,
    )


def _audited(event: Fact) -> Audited:
    """Return the event as the audit has it; what is personal in it stays in the case, which can forget it."""
    said = {name: value for name, value in msgspec.structs.asdict(event).items() if name not in _NOT_SAID}
    if isinstance(event, ReportFiled):
        del said["comment"]
    if isinstance(event, Appealed):
        del said["text"]
    envelope = event.envelope
    text = msgspec.json.encode(said, order="sorted").decode()
    return Audited(envelope.event_id, event.subject_id, envelope.actor_id, type(event).__name__, text)
