"""Requests about moderation, as data; who asks stands in the stamp."""

from __future__ import annotations

from typing import NamedTuple


class FileReport(NamedTuple):
    """Report a tweet or an account (the other is 0)."""

    tweet_id: int
    account_id: int
    reason: str
    comment: str


class Decide(NamedTuple):
    """Decide a case."""

    subject_id: int
    action: str
    label: str
    until_ms: int
    reason: str


class Appeal(NamedTuple):
    """Ask for another look at a decision."""

    subject_id: int
    user_id: int
    text: str


class DecideAppeal(NamedTuple):
    """Uphold a decision, or undo it."""

    subject_id: int
    upheld: bool
    reason: str
