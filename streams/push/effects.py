"""Decides what of the notices of a batch is worth a message, and has it sent.

A message goes out only for what its recipient would be shown as new: the read models have passed it, it stands, is told
for the first time and not read yet, of a kind that is on, by somebody whom the recipient sees. Of one group there is at
most one message in GROUP_SECONDS, from this process; what comes in between shows when the next is opened.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

import orjson

from infra.clock import rfc3339
from infra.log.port import Position
from infra.projections import StoreError, StoreUnavailableError
from infra.push.sender import Outcome
from projections.notifications.read_model import Did, Kind
from schemas.ids import to_uuid
from streams.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import Counter

    from infra.clock import Clock
    from infra.log.port import Span
    from infra.push.sender import Sender
    from infra.push.subscriptions import Subscription, Subscriptions
    from projections.notifications.notices import Notice
    from projections.notifications.read_model import Group
    from streams.push.models import Models

GROUP_SECONDS = 60.0
GROUPS_REMEMBERED = 10_000
PASS_SECONDS = 5.0
_NEWEST = 100  # of a group, among which a notice must be: beyond them it is no news
_TOPIC_CHARS = 32  # RFC 8030

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    """What a device is sent."""

    payload: bytes
    topic: str


class Effects:
    """Tells what happened; `outcomes` counts messages by what became of them."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        models: Models,
        sender: Sender,
        clock: Clock,
        max_age_ms: int,
        outcomes: Counter,
    ) -> None:
        self._subscriptions = subscriptions
        self._models = models
        self._sender = sender
        self._clock = clock
        self._max_age_ms = max_age_ms
        self._outcomes = outcomes
        self._told_at: dict[tuple[int, Group], float] = {}

    async def tell(self, notices: Sequence[Notice], span: Span) -> None:
        """Send what is worth it of a span's notices; raises TransientError where that cannot be known yet."""
        since_ms = self._clock.now_ms() - self._max_age_ms
        recent = [notice for notice in notices if notice.at_ms >= since_ms]
        if not recent:
            return
        try:
            devices = self._subscriptions.of({notice.recipient_id for notice in recent})
            if not devices:
                return
            await self._until_passed(span)
            wanted = _newest_of_each(notice for notice in recent if notice.recipient_id in devices)
            messages = {notice: message for notice in wanted if (message := self._message(notice)) is not None}
        except StoreUnavailableError as error:
            raise TransientError(str(error)) from error
        self._remember(messages)
        for_each = [(device, it) for notice, it in messages.items() for device in devices[notice.recipient_id]]
        outcomes = await asyncio.gather(*(self._send(device, message) for device, message in for_each))
        for (device, _), outcome in zip(for_each, outcomes, strict=True):
            self._outcomes.labels(outcome.value).inc()
            if outcome is Outcome.GONE:
                self._forget(device)

    async def _until_passed(self, span: Span) -> None:
        if not await self._models.passed([Position(span.topic, span.partition, span.end - 1)], PASS_SECONDS):
            raise TransientError("the read models have not passed it yet")

    def _message(self, notice: Notice) -> Message | None:
        """Return the message that a notice is worth, or None."""
        told_at = self._told_at.get((notice.recipient_id, notice.group), float("-inf"))
        if time.monotonic() - told_at < GROUP_SECONDS or not self._is_news(notice):
            return None
        return message_of(notice, self._models.actor(notice.actor_id))

    def _remember(self, notices: Iterable[Notice]) -> None:
        if len(self._told_at) >= GROUPS_REMEMBERED:
            self._told_at.clear()
        self._told_at |= dict.fromkeys(((notice.recipient_id, notice.group) for notice in notices), time.monotonic())

    def _is_news(self, notice: Notice) -> bool:
        models, recipient_id = self._models, notice.recipient_id
        wishes = models.notifications.wishes(recipient_id)
        if notice.kind in wishes.off or notice.at_ms <= wishes.read_up_to_ms:
            return False
        hidden = models.graph.hidden(recipient_id)
        if notice.actor_id in hidden.blocked or notice.actor_id in hidden.muted:
            return False
        if not models.stand((notice.actor_id, recipient_id), self._clock.now_ms()):
            return False
        if notice.tweet_id:
            tweet = models.tweets.many([notice.tweet_id]).get(notice.tweet_id)
            if tweet is None or (tweet.hidden and tweet.author_id != recipient_id):
                return False
        standing = models.notifications.groups(recipient_id, [notice.group], _NEWEST).get(notice.group, ())
        return Did(notice.at_ms, notice.actor_id) in standing

    async def _send(self, device: Subscription, message: Message) -> Outcome:
        """Send one; whatever goes wrong with it is its own affair."""
        try:
            return await self._sender.send(device, *message)
        except Exception:
            logger.exception("a message could not be sent")
            return Outcome.FAILED

    def _forget(self, device: Subscription) -> None:
        try:
            self._subscriptions.remove(device.user_id, device.subscription_id)
        except StoreError as error:  # the next message to it is answered in the same way
            logger.warning("a subscription that has ended could not be forgotten: %s", error)

    async def close(self) -> None:
        """Close the connections to push services."""
        await self._sender.close()


def message_of(notice: Notice, actor: Mapping[str, str]) -> Message:
    """Return what a device is sent for a notice."""
    group = notice.group
    payload = {
        "notification_id": group.name,
        "kind": Kind(group.kind).word,
        "tweet_id": to_uuid(group.tweet_id) if group.tweet_id else None,
        "actor": actor,
        "created_at": rfc3339(notice.at_ms),
    }
    digest = hashlib.sha256(f"{notice.recipient_id}:{group.name}".encode()).digest()
    return Message(orjson.dumps(payload), base64.urlsafe_b64encode(digest).decode()[:_TOPIC_CHARS])


def _newest_of_each(notices: Iterable[Notice]) -> list[Notice]:
    """Return the last notice of each group of a batch."""
    return list({(notice.recipient_id, notice.group): notice for notice in notices}.values())
