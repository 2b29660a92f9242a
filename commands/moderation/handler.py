"""Decides about reports, cases and appeals: what may be done, and what happened then. Pure.

What follows from a decision is said on the subject's own topic, in the same commit. A case is held by one moderator at
a time: a claim in the journal, so that two who ask at once cannot both have it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from commands import claims
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.moderation.answer import (
    AppealAnswer,
    AppealDecisionAnswer,
    ClaimAnswer,
    DecisionAnswer,
    DenyAnswer,
    NoteAnswer,
    ReportAnswer,
)
from commands.standing import handler as standing
from commands.standing.command import LimitReach, Restore, Suspend
from infra.clock import rfc3339
from projections.accounts.read_model import ADMIN, USER
from projections.moderation.read_model import APPEALED, DECIDED
from schemas.catalogue import MODERATION
from schemas.ids import to_uuid
from schemas.moderation.events import (
    ACCOUNT,
    DISMISS,
    HIDE,
    LABEL,
    LIMIT,
    RESTORE,
    SUSPEND,
    TWEET,
    AppealDecided,
    Appealed,
    CaseClaimed,
    CaseDecided,
    CaseReleased,
    NoteAdded,
    ReportFiled,
    TopicDenied,
)
from schemas.tweets.events import TweetModerated

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.moderation.command import Appeal, Decide, DecideAppeal, FileReport
    from commands.moderation.found import CaseFound, Subject
    from projections.moderation.read_model import Case
    from schemas.envelope import Event

MAX_TEXT_CHARS = 1_000
MAX_TOPIC_CHARS = 280
OF_KIND = {
    TWEET: frozenset({DISMISS, HIDE, LABEL, LIMIT, SUSPEND, RESTORE}),
    ACCOUNT: frozenset({DISMISS, LIMIT, SUSPEND, RESTORE}),
}
"""What may be decided about what."""
_INVALID = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_SPACE = re.compile(r"\s")


def check_text(text: str) -> None:
    """Refuse a note or an appeal that cannot be kept."""
    if not text.strip() or len(text) > MAX_TEXT_CHARS or _INVALID.search(text):
        detail = f"text has 1 to {MAX_TEXT_CHARS} characters and no control characters."
        raise CommandRefusedError("reason_invalid", detail, "text")


def file_report(command: FileReport, subject: Subject, stamp: Stamp) -> Decision:
    """Report what is another's, once."""
    if subject.owner_id == stamp.actor_id:
        raise CommandRefusedError("own_case")
    event = ReportFiled(
        stamp.envelope(),
        subject.subject_id,
        subject.kind,
        subject.owner_id,
        stamp.actor_id,
        command.reason,
        command.comment,
    )
    answer = ReportAnswer(to_uuid(subject.subject_id), command.reason)
    return Decision(answer, (event,), (claims.report(subject.subject_id, stamp.actor_id),), status=201)


def claim_case(found: CaseFound, stamp: Stamp) -> Decision:
    """Take a case on that nobody holds."""
    case = found.case
    _check_not_own(case, stamp)
    answer = ClaimAnswer(to_uuid(case.subject_id), held=True)
    if found.holder == stamp.actor_id:
        return Decision(answer, concerns=(Concern(MODERATION, case.subject_id),))
    if found.holder is not None:
        raise CommandRefusedError("case_held")
    event = CaseClaimed(stamp.envelope(), case.subject_id, stamp.actor_id, case.subject_kind, case.owner_id)
    return Decision(answer, (event,), (claims.case(case.subject_id, stamp.actor_id),))


def release_case(found: CaseFound, stamp: Stamp) -> Decision:
    """Let go of a case; an admin also of another's."""
    case = found.case
    answer = ClaimAnswer(to_uuid(case.subject_id), held=False)
    if found.holder is None:
        return Decision(answer, concerns=(Concern(MODERATION, case.subject_id),))
    if found.holder != stamp.actor_id and found.role != ADMIN:
        raise CommandRefusedError("case_held")
    event = CaseReleased(stamp.envelope(), case.subject_id, found.holder)
    return Decision(answer, (event,), releases=(claims.case(case.subject_id, found.holder),))


def add_note(text: str, found: CaseFound, stamp: Stamp) -> Decision:
    """Leave a note; whoever holds the case."""
    case = found.case
    event = NoteAdded(stamp.envelope(), case.subject_id, stamp.actor_id, text, case.subject_kind, case.owner_id)
    return Decision(NoteAnswer(to_uuid(case.subject_id), text), (event,), status=201)


def decide(command: Decide, found: CaseFound, stamp: Stamp) -> Decision:
    """Decide a case that the moderator holds; an appeal is decided by `decide_appeal`."""
    case = found.case
    _check_held(found, stamp)
    _check_not_own(case, stamp)
    if case.status == APPEALED:
        raise CommandRefusedError("case_appealed")
    if command.action not in OF_KIND[case.subject_kind]:
        raise CommandRefusedError("action_invalid", f"{command.action} cannot be done to an {case.subject_kind}.")
    if command.action == SUSPEND and found.owner_role != USER and found.role != ADMIN:
        raise CommandRefusedError("admin_needed")
    decided = CaseDecided(
        stamp.envelope(),
        case.subject_id,
        case.subject_kind,
        case.owner_id,
        stamp.actor_id,
        command.action,
        command.label,
        command.until_ms,
        command.reason,
    )
    until = rfc3339(command.until_ms) if command.until_ms else None
    case_id = to_uuid(case.subject_id)
    answer = DecisionAnswer(case_id, command.action, command.label or None, until, command.reason)
    events = (decided, *_effects(command, case, stamp))
    return Decision(answer, events, releases=(claims.case(case.subject_id, stamp.actor_id),))


def _effects(command: Decide, case: Case, stamp: Stamp) -> tuple[Event, ...]:
    subject, owner = case.subject_id, case.owner_id
    match command.action:
        case "suspend":
            wanted = Suspend(owner, command.until_ms, command.reason, subject)
            return (standing.decide(wanted, stamp),)
        case "limit" if case.subject_kind == ACCOUNT:
            return (standing.decide(LimitReach(owner, limited=True, case_id=subject), stamp),)
        case "restore":
            return _undone(case, stamp)
        case "hide" | "label" | "limit":
            shows = {"hidden": command.action == HIDE, "limited": command.action == LIMIT}
            label = command.label if command.action == LABEL else ""
            return (TweetModerated(stamp.envelope(), subject, owner, label=label, case_id=subject, **shows),)
        case _:
            return ()


def _undone(case: Case, stamp: Stamp) -> tuple[Event, ...]:
    """Return what takes back all that can have followed from the case."""
    subject, owner = case.subject_id, case.owner_id
    if case.subject_kind == ACCOUNT:
        limit = LimitReach(owner, limited=False, case_id=subject)
        return (standing.decide(Restore(owner, subject), stamp), standing.decide(limit, stamp))
    shows = TweetModerated(stamp.envelope(), subject, owner, hidden=False, case_id=subject)
    if case.action == SUSPEND:
        return (shows, standing.decide(Restore(owner, subject), stamp))
    return (shows,)


def appeal(command: Appeal, case: Case | None, stamp: Stamp) -> Decision:
    """Ask for another look, once a decision: of what is one's own, and was decided against one."""
    if case is None or case.owner_id != command.user_id or case.status != DECIDED:
        raise CommandRefusedError("case_not_found", "there is no decision to appeal against")
    if case.action in {DISMISS, RESTORE} or case.appealed_ms:
        raise CommandRefusedError("appeal_over")
    event = Appealed(stamp.envelope(), case.subject_id, case.subject_kind, command.user_id, command.text)
    held = claims.appeal(case.subject_id, case.decided_ms, command.user_id)
    return Decision(AppealAnswer(to_uuid(case.subject_id)), (event,), (held,), status=201)


def decide_appeal(command: DecideAppeal, found: CaseFound, stamp: Stamp) -> Decision:
    """Uphold a decision of another moderator's, or undo it."""
    case = found.case
    _check_held(found, stamp)
    _check_not_own(case, stamp)
    if case.status != APPEALED:
        raise CommandRefusedError("appeal_over")
    if case.decided_by == stamp.actor_id:
        raise CommandRefusedError("own_case", "Another moderator than the one who decided looks at an appeal.")
    decided = AppealDecided(stamp.envelope(), case.subject_id, stamp.actor_id, command.upheld, command.reason)
    events = (decided,) if command.upheld else (decided, *_undone(case, stamp))
    answer = AppealDecisionAnswer(to_uuid(case.subject_id), command.upheld)
    return Decision(answer, events, releases=(claims.case(case.subject_id, stamp.actor_id),))


def deny_topic(text: str, denied: bool, stamp: Stamp) -> Decision:
    """Let a topic trend no more, or again."""
    topic = text.strip().lstrip("#\uff03").lower()
    if not topic or len(topic) > MAX_TOPIC_CHARS or _SPACE.search(topic) or _INVALID.search(topic):
        raise CommandRefusedError(
            "reason_invalid", f"a topic is a hashtag of 1 to {MAX_TOPIC_CHARS} characters", "topic"
        )
    digest = hashlib.sha256(topic.encode()).digest()
    subject = int.from_bytes(digest[:8], "big") >> 1
    event = TopicDenied(stamp.envelope(), subject, stamp.actor_id, topic, denied)
    return Decision(DenyAnswer(topic, denied), (event,))


def _check_held(found: CaseFound, stamp: Stamp) -> None:
    if found.holder != stamp.actor_id:
        raise CommandRefusedError("case_not_held")


def _check_not_own(case: Case, stamp: Stamp) -> None:
    if case.owner_id == stamp.actor_id:
        raise CommandRefusedError("own_case")
