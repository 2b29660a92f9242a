"""What the callers of push commands are told, and send."""

from __future__ import annotations

from typing import Annotated

import msgspec

from commands.fields import SentId

MAX_SENT_CHARS = 4_096  # lengths that matter are checked by the handler

Sent = Annotated[str, msgspec.Meta(max_length=MAX_SENT_CHARS)]


class SentKeys(msgspec.Struct, forbid_unknown_fields=True):
    """As the browser's `PushSubscription.toJSON()` gives them, in base64url."""

    p256dh: Annotated[Sent, msgspec.Meta(description="The device's public key: 65 bytes.")]
    auth: Annotated[Sent, msgspec.Meta(description="The device's secret: 16 bytes.")]


class SubscribeBody(msgspec.Struct, forbid_unknown_fields=True, rename={"expiration_time": "expirationTime"}):
    """As the browser's `PushSubscription.toJSON()` gives it; `expirationTime` is passed by."""

    endpoint: Annotated[Sent, msgspec.Meta(description="https URL of the browser's push service.")]
    keys: SentKeys
    expiration_time: float | None = None
    user_id: SentId | None = None


class UnsubscribeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The endpoint that is not to be told any more."""

    endpoint: Sent
    user_id: SentId | None = None


class SubscriptionAnswer(msgspec.Struct):
    """Whether the account is told at the endpoint of this subscription."""

    subscription_id: str
    subscribed: bool


class VapidKeyAnswer(msgspec.Struct):
    """What a browser subscribes with: the `applicationServerKey`, in base64url."""

    key: str
