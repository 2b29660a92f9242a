"""The shapes of what moderators read, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from typing import Any, Literal
from uuid import UUID  # noqa: TC003

from query_api.openapi import Shape
from query_api.tweets.shapes import Tweet  # noqa: TC001


class Person(Shape):
    """An account as moderators see it, also where it is not shown; names are empty where it is not known."""

    user_id: UUID
    username: str
    display_name: str
    verified: bool
    profile_image_url: str
    status: str
    suspended_until: datetime | None
    role: str
    limited: bool


class Decided(Shape):
    """The decision that stands; `until` is when a suspension ends."""

    action: Literal["dismiss", "hide", "label", "limit", "suspend", "restore"]
    label: str | None
    until: datetime | None
    reason: str
    by: UUID
    at: datetime


class Appeal(Shape):
    """An appeal against the decision; `upheld` is null until it is decided."""

    text: str
    at: datetime
    upheld: bool | None


class SpamScore(Shape):
    """Why an account is quarantined: its last high score, the parts of it, and when it was above the threshold last."""

    score: float
    parts: dict[str, float]
    at: datetime


class CaseSummary(Shape):
    """A case in the queue; `reports` counts up to 1,000, `reasons` how many gave each.

    `spam` is there where the account is quarantined: then it stands in the queue without a report, too.
    """

    case_id: UUID
    kind: Literal["tweet", "account"]
    status: Literal["open", "decided", "appealed"]
    account: Person
    queued_at: datetime
    reports: int
    reasons: dict[str, int]
    held_by: UUID | None
    spam: SpamScore | None
    decision: Decided | None
    appeal: Appeal | None


class Reported(Shape):
    """A report, and who filed it."""

    reporter: Person
    reason: str
    comment: str
    at: datetime


class Done(Shape):
    """One thing that was done: `did` is the event's name, `said` what is in it."""

    audit_id: UUID
    case_id: UUID
    did: str
    said: dict[str, Any]
    by: UUID | None
    at: datetime


class CaseDetail(CaseSummary):
    """A case with its tweet (null for an account, or where it is gone), reports, and what was done, newest first."""

    tweet: Tweet | None
    filed: list[Reported]
    audit: list[Done]


class Queue(Shape):
    """A page of the queue, the last reported first; `next_cursor` is null at the end."""

    cases: list[CaseSummary]
    next_cursor: str | None
    has_more: bool


class Audit(Shape):
    """A page of what was done, newest first; `next_cursor` is null at the end."""

    audit: list[Done]
    next_cursor: str | None
    has_more: bool


class Denied(Shape):
    """The topics that must not trend, by name."""

    topics: list[str]
