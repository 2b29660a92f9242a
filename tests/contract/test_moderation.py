"""What every backend of moderation promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from projections.moderation.read_model import APPEALED, DECIDED, OPEN, Entry, ModerationReader
from schemas.envelope import Envelope
from schemas.ids import first_id_at
from schemas.moderation.events import (
    AppealDecided,
    Appealed,
    CaseClaimed,
    CaseDecided,
    CaseReleased,
    NoteAdded,
    ReportFiled,
    TopicDenied,
)
from tests.builders import EPOCH_MS
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_MS = 86_400_000
TWEET, OTHER, ANN, BOB, EVE, MOD = range(1, 7)


@pytest.fixture(params=BACKENDS["moderation"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[ModerationReader]]:
    with closing(Kept[ModerationReader](BACKENDS["moderation"][request.param], tmp_path / "g1.db")) as it:
        yield it


def at(n: int, actor: int = 0) -> Envelope:
    """The envelope of the n-th thing that happens: two a day."""
    at_ms = EPOCH_MS + n * DAY_MS // 2
    return Envelope(first_id_at(at_ms), at_ms, actor)


def reported(n: int, subject: int = TWEET, by: int = BOB, reason: str = "spam") -> ReportFiled:
    return ReportFiled(at(n, by), subject, "tweet", ANN, by, reason, "look")


def decided(n: int, subject: int = TWEET, action: str = "hide") -> CaseDecided:
    return CaseDecided(at(n, MOD), subject, "tweet", ANN, MOD, action, reason="rude")


def test_a_report_opens_a_case(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), reported(2, by=EVE, reason="hate"))
    case = kept.reader.cases([TWEET, OTHER])[TWEET]
    assert (case.status, case.subject_kind, case.owner_id, case.queued_ms) == (OPEN, "tweet", ANN, EPOCH_MS + DAY_MS)
    told = [(it.reporter_id, it.reason, it.comment) for it in kept.reader.reports([TWEET, OTHER])[TWEET]]
    assert told == [(BOB, "spam", "look"), (EVE, "hate", "look")]


def test_a_case_is_held_let_go_and_decided(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), CaseClaimed(at(2), TWEET, MOD))
    assert kept.reader.cases([TWEET])[TWEET].claimed_by == MOD
    kept.say(CaseReleased(at(3), TWEET, MOD))
    assert kept.reader.cases([TWEET])[TWEET].claimed_by == 0
    kept.say_at_once(CaseClaimed(at(4), TWEET, MOD), NoteAdded(at(5), TWEET, MOD, "hm"), decided(6))
    case = kept.reader.cases([TWEET])[TWEET]
    assert (case.status, case.claimed_by, case.action, case.decided_by) == (DECIDED, 0, "hide", MOD)
    assert case.reason == "rude"


def test_an_appeal_brings_a_case_back_and_is_decided(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), decided(2), Appealed(at(3), TWEET, "tweet", ANN, "it was a joke"))
    case = kept.reader.cases([TWEET])[TWEET]
    assert (case.status, case.appeal, case.upheld) == (APPEALED, "it was a joke", -1)
    kept.say(AppealDecided(at(4), TWEET, EVE, upheld=False))
    case = kept.reader.cases([TWEET])[TWEET]
    assert (case.status, case.upheld, case.decided_by) == (DECIDED, 0, MOD)


def test_another_report_opens_a_decided_case_again(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), decided(2), reported(3, by=EVE))
    assert kept.reader.cases([TWEET])[TWEET].status == OPEN
    assert kept.reader.cases([TWEET])[TWEET].action == "hide"


def test_the_queue_has_an_entry_for_each_report_newest_first(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), reported(5, by=EVE), reported(3, OTHER))
    whole = [
        Entry(EPOCH_MS + 5 * DAY_MS // 2, TWEET),
        Entry(EPOCH_MS + 3 * DAY_MS // 2, OTHER),
        Entry(EPOCH_MS + DAY_MS // 2, TWEET),
    ]
    assert kept.reader.queue(None, 10) == whole
    assert kept.reader.queue(None, 1) == whole[:1]
    assert kept.reader.queue(whole[0], 10) == whole[1:]
    assert kept.reader.queue(whole[2], 10) == []


def test_the_audit_has_all_that_was_done_without_what_was_said_in_confidence(kept: Kept[ModerationReader]) -> None:
    kept.say(reported(1), CaseClaimed(at(2, MOD), TWEET, MOD), decided(3), reported(4, OTHER))
    kept.say(Appealed(at(5, ANN), TWEET, "tweet", ANN, "it was a joke"))
    of_case = kept.reader.audit_of(TWEET, None, 10)
    assert [it.did for it in of_case] == ["Appealed", "CaseDecided", "CaseClaimed", "ReportFiled"]
    assert [it.actor_id for it in of_case] == [ANN, MOD, MOD, BOB]
    assert not any("joke" in it.said or "look" in it.said for it in of_case)
    whole = kept.reader.audit(None, 10)
    assert [it.subject_id for it in whole] == [TWEET, OTHER, TWEET, TWEET, TWEET]
    assert kept.reader.audit(whole[1].event_id, 2) == whole[2:4]
    assert kept.reader.audit_of(TWEET, of_case[0].event_id, 1) == of_case[1:2]


def test_topics_are_denied_and_allowed_again(kept: Kept[ModerationReader]) -> None:
    kept.say(TopicDenied(at(1), 8, MOD, "rude", denied=True), TopicDenied(at(2), 9, MOD, "tea", denied=True))
    assert kept.reader.denied() == {"rude", "tea"}
    kept.say(TopicDenied(at(3), 9, MOD, "tea", denied=False))
    assert kept.reader.denied() == {"rude"}


def test_questions_about_nothing_have_empty_answers(kept: Kept[ModerationReader]) -> None:
    assert kept.reader.cases([]) == {}
    assert kept.reader.reports([TWEET]) == {}
    assert kept.reader.audit_of(TWEET, None, 5) == []
