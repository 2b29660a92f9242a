"""Decides about subscriptions. Pure. They are no facts: kept beside the log, they go when they are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.errors import CommandRefusedError
from infra.push.addresses import ForbiddenAddressError, check_url
from infra.push.subscriptions import Subscription
from infra.push.webpush import keys_of

if TYPE_CHECKING:
    from commands.push.command import Subscribe


def subscribe(command: Subscribe, now_ms: int, *, allow_loopback: bool) -> Subscription:
    """Return the subscription to keep; refuses what no message can be sent to."""
    try:
        check_url(command.endpoint, allow_loopback=allow_loopback)
    except ForbiddenAddressError as error:
        raise CommandRefusedError("subscription_invalid", str(error), "endpoint") from error
    try:
        keys = keys_of(command.p256dh, command.auth)
    except ValueError as error:
        raise CommandRefusedError("subscription_invalid", str(error), "keys") from error
    return Subscription(command.user_id, command.endpoint, keys, now_ms)
