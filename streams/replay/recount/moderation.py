"""Recounts moderation: how each case stands, who reported it, what was done about it, what must not trend."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

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
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.moderation.read_model import ModerationReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

ALL = (
    *(ReportFiled, CaseClaimed, CaseReleased, NoteAdded, CaseDecided),
    *(Appealed, AppealDecided, TextErased, TopicDenied),
)


class ModerationRecount:
    """Cases whose subject is in the sample of tweets, and all topics."""

    READS: ClassVar[tuple[type[Event], ...]] = ALL

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._cases: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self._reports: defaultdict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
        self._did: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self._denied: dict[str, bool] = {}

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the cases in the sample."""
        if isinstance(event, TopicDenied):
            self._denied[event.topic] = event.denied
        if not isinstance(event, ALL) or not self._sample.has_tweet(event.subject_id):
            return
        self._said.note(place, offset, event.subject_id)
        self._did[event.subject_id].append((event.envelope.event_id, type(event).__name__))
        self._stand(event)

    def _stand(self, event: Event) -> None:
        at_ms = event.envelope.occurred_at_ms
        match event:
            case ReportFiled():
                self._cases[event.subject_id] |= {"status": "open", "owner": event.owner_id, "queued": at_ms}
                self._reports[event.subject_id][event.reporter_id] = (event.reason, event.comment)
            case CaseClaimed():
                self._cases[event.subject_id] |= {"holder": event.moderator_id} | _opened(event)
            case NoteAdded():
                self._cases[event.subject_id] |= _opened(event)
            case CaseReleased():
                self._cases[event.subject_id]["holder"] = 0
            case CaseDecided():
                decided = {"action": event.action, "by": event.moderator_id, "until": event.until_ms, "appeal": ""}
                self._cases[event.subject_id] |= {"status": "decided", "owner": event.owner_id, "holder": 0, **decided}
            case Appealed():
                self._cases[event.subject_id] |= {"status": "appealed", "queued": at_ms, "appeal": event.text}
            case TextErased():
                self._erase(event)
            case AppealDecided():
                self._cases[event.subject_id] |= {"status": "decided", "holder": 0}
            case _:
                pass

    def _erase(self, event: TextErased) -> None:
        reports = self._reports[event.subject_id]
        if event.reported and event.user_id in reports:
            reports[event.user_id] = (reports[event.user_id][0], "")
        if event.appealed:
            self._cases[event.subject_id]["appeal"] = ""

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._did) + len(self._denied)

    def differences(self, reader: ModerationReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        found, reports = reader.cases(list(self._cases)), reader.reports(list(self._cases))
        for subject, said in self._cases.items():
            case = found.get(subject)
            expected = {"owner": 0, "queued": 0, "holder": 0, "action": "", "by": 0, "until": 0, "appeal": "", **said}
            told = case and {
                "status": case.status, "owner": case.owner_id, "queued": case.queued_ms, "holder": case.claimed_by,
                "action": case.action, "by": case.decided_by, "until": case.until_ms, "appeal": case.appeal,
            }  # fmt: skip
            expected.setdefault("status", "open")
            if told != expected:
                yield self._said.difference("case", subject, expected, told)
            filed = {it.reporter_id: (it.reason, it.comment) for it in reports.get(subject, ())}
            if filed != self._reports[subject]:
                yield self._said.difference("reports of", subject, self._reports[subject], filed)
        for subject, did in self._did.items():
            newest = sorted(did, reverse=True)[:LIST_LIMIT]
            told_of = [(it.event_id, it.did) for it in reader.audit_of(subject, None, LIST_LIMIT)]
            if newest != told_of:
                yield self._said.difference("audit of", subject, newest, told_of)
        denied = sorted(topic for topic, is_denied in self._denied.items() if is_denied)
        if denied != sorted(reader.denied()):
            yield self._said.difference("topics that must not trend", 0, denied, sorted(reader.denied()))


def _opened(event: CaseClaimed | NoteAdded) -> dict[str, Any]:
    """Return what opens a case that nobody has reported."""
    return {"owner": event.owner_id} if event.owner_id else {}
