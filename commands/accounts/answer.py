"""What the callers of account commands are told, and send."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from commands.fields import Id, SentId, Time

MAX_SENT_CHARS = 8192  # lengths that matter are checked by the handler, which names the limit

Sent = Annotated[str, msgspec.Meta(max_length=MAX_SENT_CHARS)]
Username = Annotated[Sent, msgspec.Meta(description="1 to 50 of A-Z, a-z, 0-9 and _; unique without case.")]
Password = Annotated[Sent, msgspec.Meta(description="8 to 256 characters.")]
Token = Annotated[str, msgspec.Meta(max_length=MAX_SENT_CHARS)]


class RegisterBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new account; `display_name` is the username where it is not given."""

    username: Username
    password: Password
    email: Sent | None = None
    display_name: Sent | None = None
    bio: Sent | None = None
    location: Sent | None = None


class LoginBody(msgspec.Struct, forbid_unknown_fields=True):
    """A name and its password."""

    username: Username
    password: Password


class RefreshBody(msgspec.Struct, forbid_unknown_fields=True):
    """The refresh token of the last answer: good for one use."""

    refresh_token: Token


class ProfileBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be changed; `user_id`, where given, must be the token's subject.

    `profile_image_id` and `banner_image_id` are uploads of the account's own, in place of an address.
    """

    display_name: Sent | None = None
    bio: Sent | None = None
    location: Sent | None = None
    profile_image_url: Sent | None = None
    banner_image_url: Sent | None = None
    profile_image_id: SentId | None = None
    banner_image_id: SentId | None = None
    user_id: SentId | None = None


class UserAnswer(msgspec.Struct, kw_only=True):
    """An account as its owner sees it."""

    user_id: Id
    username: str
    display_name: str
    bio: str
    location: str
    profile_image_url: str
    banner_image_url: str
    verified: bool
    status: str
    created_at: Time


class SessionAnswer(msgspec.Struct):
    """A session's tokens; `expires_in` are the seconds for which the access token is good."""

    user: UserAnswer
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name


class LoggedOutAnswer(msgspec.Struct):
    """The session has ended."""

    status: Literal["logged_out"] = "logged_out"


class TicketAnswer(msgspec.Struct):
    """What a browser opens one stream with, within `expires_in` seconds."""

    ticket: str
    expires_in: int
