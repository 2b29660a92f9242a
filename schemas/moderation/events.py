"""Facts about moderation; topic `moderation`, key: the subject's id.

A case is all that is said about one subject, a tweet or an account, and has the subject's id. What follows from a
decision is said on the subject's own topic besides, in the same commit.
"""

from __future__ import annotations

from schemas.envelope import Event

TWEET, ACCOUNT = "tweet", "account"
REASONS = ("spam", "abuse", "hate", "violence", "self_harm", "sexual", "impersonation", "misinformation", "other")
DISMISS, HIDE, LABEL, LIMIT, SUSPEND, RESTORE = "dismiss", "hide", "label", "limit", "suspend", "restore"
ACTIONS = (DISMISS, HIDE, LABEL, LIMIT, SUSPEND, RESTORE)
LABELS = ("sensitive", "misleading", "satire", "bot")


class ReportFiled(Event, frozen=True):
    """Somebody reported a tweet of `owner_id`'s, or that account. `comment` is the reporter's, and sealed as such."""

    subject_id: int
    subject_kind: str
    owner_id: int
    reporter_id: int
    reason: str
    comment: str = ""
    sealed: bytes = b""


class CaseClaimed(Event, frozen=True):
    """A moderator took the case on, which nobody need have reported."""

    subject_id: int
    moderator_id: int
    subject_kind: str = ""
    owner_id: int = 0


class CaseReleased(Event, frozen=True):
    """The moderator let go of the case."""

    subject_id: int
    moderator_id: int


class NoteAdded(Event, frozen=True):
    """A moderator left a note for the others."""

    subject_id: int
    moderator_id: int
    text: str
    subject_kind: str = ""
    owner_id: int = 0


class CaseDecided(Event, frozen=True):
    """A moderator decided the case, and holds it no longer."""

    subject_id: int
    subject_kind: str
    owner_id: int
    moderator_id: int
    action: str
    label: str = ""
    until_ms: int = 0
    reason: str = ""


class Appealed(Event, frozen=True):
    """Whom the decision concerns asks for another look. `text` is theirs, and sealed as such."""

    subject_id: int
    subject_kind: str
    user_id: int
    text: str
    sealed: bytes = b""


class AppealDecided(Event, frozen=True):
    """Another moderator decided the appeal: the decision is upheld, or undone."""

    subject_id: int
    moderator_id: int
    upheld: bool
    reason: str = ""


class TopicDenied(Event, frozen=True):
    """A topic must not trend, or may again; `subject_id` is its hash."""

    subject_id: int
    moderator_id: int
    topic: str
    denied: bool


class TextErased(Event, frozen=True):
    """What an account wrote about a subject, in a report or an appeal, is gone: the account is erased."""

    subject_id: int
    user_id: int
    reported: bool
    appealed: bool
