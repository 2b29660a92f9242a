"""Present: cases and what was done about them as JSON. Few people read it, so it is made of plain objects."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from infra.clock import rfc3339
from projections.accounts.read_model import FOREVER_MS, PLAIN
from query_api.moderation.hydrate import Summary
from query_api.users.response import author_members, unknown_author_members
from schemas.ids import to_uuid, unix_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.accounts.read_model import Account
    from projections.moderation.read_model import Audited
    from query_api.moderation.hydrate import Detail


def queue(found: Sequence[Summary], people: Mapping[int, Account], now_ms: int, next_cursor: str | None) -> bytes:
    """Return a page of the queue."""
    cases = [_summary(it, people, now_ms) for it in found]
    return orjson.dumps({"cases": cases, "next_cursor": next_cursor, "has_more": next_cursor is not None})


def case(found: Detail, tweet: bytes | None, now_ms: int) -> bytes:
    """Return a case with all that is known of it."""
    reasons = Counter(it.reason for it in found.reports)
    filed = [
        {
            "reporter": _person(it.reporter_id, found.people, now_ms),
            "reason": it.reason,
            "comment": it.comment,
            "at": rfc3339(it.at_ms),
        }
        for it in found.reports
    ]
    members = {
        **_summary(Summary(found.case, reasons, found.spam), found.people, now_ms),
        "tweet": None if tweet is None else orjson.Fragment(tweet),
        "filed": filed,
        "audit": [_done(it) for it in found.audit],
    }
    return orjson.dumps(members)


def audit(found: Sequence[Audited], next_cursor: str | None) -> bytes:
    """Return a page of what was done."""
    page = {"audit": [_done(it) for it in found], "next_cursor": next_cursor, "has_more": next_cursor is not None}
    return orjson.dumps(page)


def _summary(found: Summary, people: Mapping[int, Account], now_ms: int) -> dict[str, Any]:
    case, reasons, spam = found
    decision = appeal = None
    if case.decided_ms:
        decision = {
            "action": case.action,
            "label": case.label or None,
            "until": rfc3339(case.until_ms) if case.until_ms else None,
            "reason": case.reason,
            "by": to_uuid(case.decided_by),
            "at": rfc3339(case.decided_ms),
        }
    if case.appealed_ms:
        upheld = None if case.upheld < 0 else bool(case.upheld)
        appeal = {"text": case.appeal, "at": rfc3339(case.appealed_ms), "upheld": upheld}
    return {
        "case_id": to_uuid(case.subject_id),
        "kind": case.subject_kind,
        "status": case.status,
        "account": _person(case.owner_id, people, now_ms),
        "queued_at": rfc3339(case.queued_ms),
        "reports": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
        "held_by": to_uuid(case.claimed_by) if case.claimed_by else None,
        "spam": spam and {"score": spam.score, "parts": spam.parts, "at": rfc3339(spam.at_ms)},
        "decision": decision,
        "appeal": appeal,
    }


def _person(user_id: int, people: Mapping[int, Account], now_ms: int) -> dict[str, Any]:
    account = people.get(user_id)
    standing = PLAIN if account is None else account.standing
    members = unknown_author_members(user_id) if account is None else author_members(account)
    until_ms = standing.suspended_until_ms
    return {
        **orjson.loads(b"{" + members + b"}"),
        "status": standing.status_at(now_ms),
        "suspended_until": rfc3339(until_ms) if now_ms < until_ms < FOREVER_MS else None,
        "role": standing.role,
        "limited": standing.limited,
    }


def _done(it: Audited) -> dict[str, Any]:
    return {
        "audit_id": to_uuid(it.event_id),
        "case_id": to_uuid(it.subject_id),
        "did": it.did,
        "said": json.loads(it.said),
        "by": to_uuid(it.actor_id) if it.actor_id else None,
        "at": rfc3339(unix_ms(it.event_id)),
    }
