"""What the callers of notification commands are told, and send."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from commands.fields import SentId, Time

MAX_TIME_CHARS = 40

SentTime = Annotated[
    datetime,
    msgspec.Meta(tz=True, description="RFC 3339 with an offset.", extra_json_schema={"maxLength": MAX_TIME_CHARS}),
]


class ReadBody(msgspec.Struct, forbid_unknown_fields=True):
    """Up to which time notifications are read; now, where it is not given or in the future."""

    up_to: SentTime | None = None
    user_id: SentId | None = None


class ReadAnswer(msgspec.Struct):
    """Notifications up to this time are read; where a later time was said before, that one holds."""

    up_to: Time


class _Wanted(msgspec.Struct):
    mention: bool | None = None
    reply: bool | None = None
    quote: bool | None = None
    like: bool | None = None
    retweet: bool | None = None
    follow: bool | None = None


class PreferencesBody(_Wanted, forbid_unknown_fields=True):
    """Which kinds of notifications are wanted; what is left out stays as it is."""

    user_id: SentId | None = None


class PreferencesAnswer(_Wanted, omit_defaults=True):
    """What was set; the query API tells all."""
