"""What an owner is told about who may act for the account, and sends."""

from __future__ import annotations

from typing import Literal

import msgspec

from commands.accounts.answer import Password
from commands.fields import Id, Time


class PasswordBody(msgspec.Struct, forbid_unknown_fields=True):
    """The password as it is, and as it is to be."""

    current: Password
    new: Password


class SessionShown(msgspec.Struct):
    """A log-in that goes on; `agent` is what the browser or program called itself, `current` the one that asks."""

    session_id: Id
    agent: str
    opened_at: Time
    expires_at: Time
    current: bool


class SessionsAnswer(msgspec.Struct):
    """The newest log-ins that go on, oldest first."""

    sessions: list[SessionShown]


class AppShown(msgspec.Struct):
    """An app that may act for the account; an empty name is one that its registrant has removed."""

    client_id: Id
    name: str
    scopes: list[str]
    allowed_at: Time
    expires_at: Time


class AppsShownAnswer(msgspec.Struct):
    """The apps that may act for the account."""

    apps: list[AppShown]


class EndedAnswer(msgspec.Struct):
    """How many sessions were ended."""

    sessions: int
    status: Literal["ended"] = "ended"
