"""Hydrate: what a page of cases shows beside the cases, one call per store."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from projections.accounts.read_model import Account
    from projections.moderation.read_model import Audited, Case, Entry, Report
    from projections.tweets.read_model import Tweet
    from query_api.stores import Readers


class Summary(NamedTuple):
    """A case, and how many reported it for which reason."""

    case: Case
    reasons: Counter[str]


class Detail(NamedTuple):
    """All that is known of a case; the tweet as it stands, hidden or not, of whomever."""

    case: Case
    reports: Sequence[Report]
    audit: Sequence[Audited]
    tweet: Tweet | None
    people: Mapping[int, Account]


def cases_of(entries: Sequence[Entry], readers: Readers) -> dict[int, Summary]:
    """Return the cases of entries, with their reports counted."""
    subjects = {entry.subject_id for entry in entries}
    cases, reports = readers.moderation.cases(subjects), readers.moderation.reports(subjects)
    return {it: Summary(case, Counter(one.reason for one in reports.get(it, ()))) for it, case in cases.items()}


def people(user_ids: Collection[int], readers: Readers) -> dict[int, Account]:
    """Return the accounts, whether they are shown or not."""
    return readers.accounts.many([user_id for user_id in set(user_ids) if user_id])


def detail(subject_id: int, readers: Readers, most_audited: int) -> Detail | None:
    """Return a case, or None where there is none."""
    case = readers.moderation.cases([subject_id]).get(subject_id)
    if case is None:
        return None
    reports = readers.moderation.reports([subject_id]).get(subject_id, [])
    audit = readers.moderation.audit_of(subject_id, None, most_audited)
    tweet = readers.tweets.many([subject_id]).get(subject_id) if case.subject_kind == "tweet" else None
    return Detail(case, reports, audit, tweet, people([case.owner_id, *(it.reporter_id for it in reports)], readers))
