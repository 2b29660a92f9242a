"""Reports, and what moderators do about them, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request, Response

from commands import claims
from commands.errors import CommandRefusedError
from commands.execution import execute
from commands.moderation import handler, lookups
from commands.moderation.answer import (
    AppealAnswer,
    AppealBody,
    AppealDecisionAnswer,
    AppealDecisionBody,
    ClaimAnswer,
    DecisionAnswer,
    DecisionBody,
    DenyAnswer,
    DenyBody,
    NoteAnswer,
    NoteBody,
    ReportAnswer,
    ReportBody,
)
from commands.moderation.command import Appeal, Decide, DecideAppeal, FileReport
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import body_of, id_of, no_body
from commands.standing.handler import check_reason
from infra.auth.bearer import identify
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited, limited_subject
from infra.http.routes import DirectRoute
from schemas.moderation.events import LABEL, SUSPEND

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.decision import Decision, Stamp
    from commands.moderation.found import CaseFound
    from commands.services import Services

STRUCTS = (
    AppealAnswer, AppealBody, AppealDecisionAnswer, AppealDecisionBody, ClaimAnswer, DecisionAnswer, DecisionBody,
    DenyAnswer, DenyBody, NoteAnswer, NoteBody, ReportAnswer, ReportBody,
)  # fmt: skip
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
CaseIdText = Annotated[str, Path(alias="case_id", description="The id of the tweet or account that it is about.")]
DAY_MS = 86_400_000

_REPORT = ("tweet_not_found", "user_not_found", "already_reported", "own_case", "reason_invalid", "subject_unclear")
_CASE = ("not_a_moderator", "case_not_found")
_HELD = (*_CASE, "case_held", "own_case")
_DECISION = (*_CASE, "case_not_held", "case_appealed", "own_case", "action_invalid", "admin_needed", "reason_invalid")
_APPEAL = ("case_not_found", "appeal_over", "reason_invalid", "login_failed", "overloaded")

router = APIRouter(prefix=PREFIX, route_class=DirectRoute, tags=["moderation"])


@router.post("/reports", **described(ReportAnswer, status=201, body=ReportBody, problems=_REPORT))
async def report(request: Request, who: Who) -> Response:
    """Report a tweet or an account to the moderators; once each."""
    body = await body_of(request, ReportBody, who)
    check_reason(body.comment, "comment")
    if (body.tweet_id is None) == (body.account_id is None):
        raise CommandRefusedError("subject_unclear", param="tweet_id")
    tweet_id = 0 if body.tweet_id is None else id_of(body.tweet_id, "tweet_not_found", "tweet_id")
    account_id = 0 if body.account_id is None else id_of(body.account_id, "user_not_found", "account_id")
    command = FileReport(tweet_id, account_id, body.reason, body.comment)

    async def decide(stamp: Stamp) -> Decision:
        found = await lookups.for_report(request.app.state.services, command, who.user_id)
        return handler.file_report(command, found, stamp)

    return await execute(request, who.user_id, decide)


@router.post("/moderation/cases/{case_id}/claim", **described(ClaimAnswer, problems=_HELD))
async def claim(request: Request, case_id: CaseIdText, who: Who) -> Response:
    """Take a case on: nobody else can, until it is decided or let go."""
    await no_body(request, who)
    return await _on_case(request, case_id, who, handler.claim_case)


@router.delete("/moderation/cases/{case_id}/claim", **described(ClaimAnswer, problems=_HELD))
async def release(request: Request, case_id: CaseIdText, who: Who) -> Response:
    """Let go of a case; an admin also of another's."""
    await no_body(request, who)
    return await _on_case(request, case_id, who, handler.release_case)


@router.post(
    "/moderation/cases/{case_id}/notes",
    **described(NoteAnswer, status=201, body=NoteBody, problems=(*_CASE, "reason_invalid")),
)
async def note(request: Request, case_id: CaseIdText, who: Who) -> Response:
    """Leave a note for other moderators."""
    body = await body_of(request, NoteBody, who)
    handler.check_text(body.text)
    return await _on_case(request, case_id, who, lambda found, stamp: handler.add_note(body.text, found, stamp))


@router.post("/moderation/cases/{case_id}/decision", **described(DecisionAnswer, body=DecisionBody, problems=_DECISION))
async def decision(request: Request, case_id: CaseIdText, who: Who) -> Response:
    """Decide a case that one holds; what follows is seen within a second. A suspension ends sessions and streams."""
    body = await body_of(request, DecisionBody, who)
    check_reason(body.reason)
    if (body.action == LABEL) != (body.label is not None) or (body.days is not None and body.action != SUSPEND):
        raise CommandRefusedError("action_invalid", "label goes with action label, days with action suspend.", "action")
    services: Services = request.app.state.services
    until_ms = 0 if body.days is None else services.clock.now_ms() + body.days * DAY_MS
    subject_id = _subject_of(case_id)
    command = Decide(subject_id, body.action, body.label or "", until_ms, body.reason)
    owners: list[int] = []

    def decide(found: CaseFound, stamp: Stamp) -> Decision:
        owners.append(found.case.owner_id)
        return handler.decide(command, found, stamp)

    answer = await _on_case(request, case_id, who, decide)
    if body.action == SUSPEND and owners:
        await services.registry.end_sessions(owners[-1])
    return answer


@router.post(
    "/moderation/cases/{case_id}/appeal-decision",
    **described(AppealDecisionAnswer, body=AppealDecisionBody, problems=(*_DECISION, "appeal_over")),
)
async def appeal_decision(request: Request, case_id: CaseIdText, who: Who) -> Response:
    """Uphold another moderator's decision, or undo what followed from it."""
    body = await body_of(request, AppealDecisionBody, who)
    check_reason(body.reason)
    command = DecideAppeal(_subject_of(case_id), body.upheld, body.reason)
    return await _on_case(request, case_id, who, lambda found, stamp: handler.decide_appeal(command, found, stamp))


@router.post(
    "/moderation/appeals",
    dependencies=[limited(RateClass.AUTH)],
    **described(AppealAnswer, status=201, body=AppealBody, problems=_APPEAL, bearer=False),
)
async def appeal(request: Request) -> Response:
    """Ask for another look at a decision: with a token, or, being suspended, with name and password."""
    body = await body_of(request, AppealBody)
    handler.check_text(body.text)
    user_id = await _who_appeals(request, body)
    if body.case_id is None:
        subject_id = await lookups.decided_about(request.app.state.services, user_id)
    else:
        subject_id = id_of(body.case_id, "case_not_found", "case_id")
    command = Appeal(subject_id, user_id, body.text)

    async def decide(stamp: Stamp) -> Decision:
        return handler.appeal(command, await lookups.case_of(request.app.state.services, subject_id), stamp)

    return await execute(request, user_id, decide, suspended_too=True)


@router.post(
    "/moderation/trends", **described(DenyAnswer, body=DenyBody, problems=("not_a_moderator", "reason_invalid"))
)
async def deny(request: Request, who: Who) -> Response:
    """Let a topic trend no more, or again."""
    body = await body_of(request, DenyBody, who)

    async def decide(stamp: Stamp) -> Decision:
        lookups.check_moderator(request.app.state.services, who.user_id)
        return handler.deny_topic(body.topic, body.denied, stamp)

    return await execute(request, who.user_id, decide)


async def _on_case(
    request: Request, case_id: str, who: Subject, decide: Callable[[CaseFound, Stamp], Decision]
) -> Response:
    subject_id = _subject_of(case_id)

    async def with_found(stamp: Stamp) -> Decision:
        return decide(await lookups.for_case(request.app.state.services, subject_id, who.user_id), stamp)

    return await execute(request, who.user_id, with_found)


def _subject_of(case_id: str) -> int:
    return id_of(case_id, "case_not_found", "case_id")


async def _who_appeals(request: Request, body: AppealBody) -> int:
    services: Services = request.app.state.services
    if body.username is None or body.password is None:
        who = identify(request)
        if who is None:
            raise CommandRefusedError("login_failed", "Send a token, or username and password.")
        return who.user_id
    user_id = services.journal.owner(claims.username_key(body.username))
    if not await services.registry.password_matches(user_id, body.password) or user_id is None:
        raise CommandRefusedError("login_failed")
    return user_id
