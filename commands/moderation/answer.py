"""What the callers of moderation commands are told, and send."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from commands.accounts.answer import Password, Username
from commands.fields import Id, SentId, Time

MAX_SENT_CHARS = 8192  # lengths that matter are checked by the handler, which names the limit

Sent = Annotated[str, msgspec.Meta(max_length=MAX_SENT_CHARS)]
Text = Annotated[Sent, msgspec.Meta(description="Up to 1,000 characters.")]
Short = Annotated[Sent, msgspec.Meta(description="Up to 500 characters.")]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
Reason = Literal["spam", "abuse", "hate", "violence", "self_harm", "sexual", "impersonation", "misinformation", "other"]
Action = Literal["dismiss", "hide", "label", "limit", "suspend", "restore"]
Label = Literal["sensitive", "misleading", "satire", "bot"]


class ReportBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is reported, a tweet or an account, and why; `comment` has up to 500 characters."""

    reason: Reason
    tweet_id: SentId | None = None
    account_id: SentId | None = None
    comment: Short = ""


class ReportAnswer(msgspec.Struct):
    """The report was filed; `case_id` is the tweet's or the account's id."""

    case_id: Id
    reason: str
    status: Literal["filed"] = "filed"


class ClaimAnswer(msgspec.Struct):
    """Who holds the case now: the caller, or nobody."""

    case_id: Id
    held: bool


class NoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """A note for other moderators."""

    text: Text


class NoteAnswer(msgspec.Struct):
    """The note was added."""

    case_id: Id
    text: str


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is done: `label` with action label, `days` with action suspend (without: no end)."""

    action: Action
    label: Label | None = None
    days: Days | None = None
    reason: Short = ""


class DecisionAnswer(msgspec.Struct):
    """What was decided; `until` is when a suspension ends, or null."""

    case_id: Id
    action: str
    label: str | None
    until: Time | None
    reason: str


class AppealBody(msgspec.Struct, forbid_unknown_fields=True):
    """Asks for another look at a decision about a tweet or the account.

    `case_id` left out: what the account is suspended for, else what was decided about the account itself.

    Who is suspended has no token, and sends name and password.
    """

    text: Text
    case_id: SentId | None = None
    username: Username | None = None
    password: Password | None = None


class AppealAnswer(msgspec.Struct):
    """The appeal was filed: another moderator looks at it."""

    case_id: Id
    status: Literal["appealed"] = "appealed"


class AppealDecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the decision stands; if not, what followed from it is undone."""

    upheld: bool
    reason: Short = ""


class AppealDecisionAnswer(msgspec.Struct):
    """How the appeal was decided."""

    case_id: Id
    upheld: bool


class DenyBody(msgspec.Struct, forbid_unknown_fields=True):
    """A topic that must not trend, or may again."""

    topic: Annotated[Sent, msgspec.Meta(description="A hashtag, with or without #; up to 280 characters.")]
    denied: bool = True


class DenyAnswer(msgspec.Struct):
    """Whether the topic may trend now."""

    topic: str
    denied: bool
