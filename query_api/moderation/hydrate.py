"""Hydrate: what a page of cases shows beside the cases, one call per store."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from projections.moderation.read_model import DECIDED, OPEN, Case, Entry
from schemas.moderation.events import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from projections.accounts.read_model import Account
    from projections.moderation.read_model import Audited, Report
    from projections.spam.read_model import Flagged
    from projections.tweets.read_model import Tweet
    from query_api.moderation.quarantine import Quarantine
    from query_api.stores import Readers

    Queue = Callable[[Entry | None, int], list[Entry]]


class Summary(NamedTuple):
    """A case, how many reported it for which reason, and its spam score where it is quarantined."""

    case: Case
    reasons: Counter[str]
    spam: Flagged | None = None


class Detail(NamedTuple):
    """All that is known of a case; the tweet as it stands, hidden or not, of whomever."""

    case: Case
    reports: Sequence[Report]
    audit: Sequence[Audited]
    tweet: Tweet | None
    people: Mapping[int, Account]
    spam: Flagged | None


def merged(read: Queue, flagged: Mapping[int, int]) -> Queue:
    """Return what reads the queue with the accounts that are quarantined in their places."""
    own = sorted((Entry(at_ms, user_id) for user_id, at_ms in flagged.items()), reverse=True)

    def below(before: Entry | None, limit: int) -> list[Entry]:
        mine = own if before is None else [entry for entry in own if entry < before]
        return sorted({*read(before, limit), *mine[:limit]}, reverse=True)[:limit]

    return below


def cases_of(entries: Sequence[Entry], readers: Readers, quarantine: Quarantine) -> dict[int, Summary]:
    """Return the cases of entries, with their reports counted."""
    subjects = {entry.subject_id for entry in entries}
    cases, reports = readers.moderation.cases(subjects), readers.moderation.reports(subjects)
    flagged = {it: at_ms for it in subjects if (at_ms := quarantine.flagged.get(it))}
    scores = readers.spam.many(flagged, quarantine.tenths) if flagged else {}
    found = {it: with_flag(it, case, flagged.get(it, 0)) for it, case in ({**dict.fromkeys(flagged), **cases}).items()}
    return {
        it: Summary(case, Counter(one.reason for one in reports.get(it, ())), scores.get(it))
        for it, case in found.items()
        if case is not None
    }


def with_flag(subject_id: int, case: Case | None, flagged_ms: int) -> Case | None:
    """Return a case as it stands with a quarantine, which opens it; 0: there is none."""
    if not flagged_ms:
        return case
    known = case or Case(subject_id, ACCOUNT, subject_id, OPEN, 0)
    known = known._replace(subject_kind=known.subject_kind or ACCOUNT, owner_id=known.owner_id or subject_id)
    status = OPEN if known.status == DECIDED else known.status
    return known._replace(status=status, queued_ms=max(known.queued_ms, flagged_ms))


def people(user_ids: Collection[int], readers: Readers) -> dict[int, Account]:
    """Return the accounts, whether they are shown or not."""
    return readers.accounts.many([user_id for user_id in set(user_ids) if user_id])


def detail(subject_id: int, readers: Readers, quarantine: Quarantine, most_audited: int) -> Detail | None:
    """Return a case, or None where there is none."""
    flagged_ms = quarantine.flagged.get(subject_id, 0)
    case = with_flag(subject_id, readers.moderation.cases([subject_id]).get(subject_id), flagged_ms)
    if case is None:
        return None
    reports = readers.moderation.reports([subject_id]).get(subject_id, [])
    audit = readers.moderation.audit_of(subject_id, None, most_audited)
    tweet = readers.tweets.many([subject_id]).get(subject_id) if case.subject_kind == "tweet" else None
    known = people([case.owner_id, *(it.reporter_id for it in reports)], readers)
    spam = readers.spam.many([subject_id], quarantine.tenths).get(subject_id) if flagged_ms else None
    return Detail(case, reports, audit, tweet, known, spam)
