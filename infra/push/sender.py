"""Sends messages: to checked addresses, a bounded number of times, within bounded time, whatever the other side does.

A push service that fails is left alone for HOLD_SECONDS, so that it costs the others nothing.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from typing import TYPE_CHECKING

import httpx

from infra.push.addresses import ForbiddenAddressError, resolve, target_of
from infra.push.webpush import encrypt

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from infra.push.addresses import Resolve
    from infra.push.subscriptions import Subscription
    from infra.push.webpush import Vapid

ATTEMPTS = 3
BACK_OFF_SECONDS = (1.0, 4.0)
MOST_RETRY_AFTER_SECONDS = 10.0
ATTEMPT_SECONDS = 10.0
HOLD_SECONDS = 60.0
AT_ONCE = 50
KEPT_HOSTS = 1_000
_GONE = frozenset({404, 410})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

logger = logging.getLogger(__name__)


class Outcome(enum.Enum):
    """What became of a message."""

    SENT = "sent"
    GONE = "gone"
    """The subscription has ended: it is to be forgotten."""
    REFUSED = "refused"
    """By the push service, for good, or because it may not be sent there: this one is given up."""
    FAILED = "failed"
    """The push service did not take it in time: this one is given up."""
    HELD = "held"
    """The push service has failed just now, and is left alone."""


class Sender:
    """Sends to push services; made inside a running event loop. `trusted`: by which certificates, if not the usual."""

    def __init__(
        self,
        vapid: Vapid,
        ttl_seconds: int,
        *,
        allow_loopback: bool = False,
        trusted: ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve: Resolve = resolve,
    ) -> None:
        self._vapid = vapid
        self._ttl = str(ttl_seconds)
        self._allow_loopback = allow_loopback
        self._sleep = sleep
        self._resolve = resolve
        self._room = asyncio.Semaphore(AT_ONCE)
        self._held: dict[str, float] = {}
        # None is kept open: it would be taken for any name that stands for the same address, whatever its certificate.
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(  # which follows no redirect
            timeout=ATTEMPT_SECONDS, trust_env=False, limits=limits, verify=trusted or True
        )

    async def send(self, subscription: Subscription, payload: bytes, topic: str) -> Outcome:
        """Send a message; a later one of the same topic (32 characters of base64url) takes its place on the way."""
        async with self._room:
            for pause in (*BACK_OFF_SECONDS, None):
                outcome, wait = await self._attempt(subscription, payload, topic)
                if outcome is not Outcome.FAILED:
                    return outcome
                if pause is not None:
                    await self._sleep(min(wait or pause, MOST_RETRY_AFTER_SECONDS))
        self._hold(subscription.endpoint)
        return Outcome.FAILED

    async def _attempt(self, subscription: Subscription, payload: bytes, topic: str) -> tuple[Outcome, float | None]:
        endpoint = subscription.endpoint
        if self._held.get(_origin(endpoint), 0.0) > time.monotonic():
            return Outcome.HELD, None
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                target = await target_of(endpoint, allow_loopback=self._allow_loopback, resolve=self._resolve)
                request = self._client.build_request(
                    "POST",
                    target.url,
                    content=encrypt(payload, subscription.keys),
                    headers={
                        "Host": target.authority,
                        "TTL": self._ttl,
                        "Topic": topic,
                        "Content-Encoding": "aes128gcm",
                        "Content-Type": "application/octet-stream",
                        "Authorization": self._vapid.authorization(endpoint, int(time.time())),
                    },
                    extensions={"sni_hostname": target.host},
                )
                answer = await self._client.send(request, stream=True)
                await answer.aclose()  # what it says beside its status is of no use, and may be endless
        except ForbiddenAddressError as error:
            logger.warning("a message is not sent: %s", error)
            return Outcome.REFUSED, None
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            logger.info("a push service does not take a message: %s", type(error).__name__)
            return Outcome.FAILED, None
        return _outcome(answer), _retry_after(answer)

    def _hold(self, endpoint: str) -> None:
        if len(self._held) >= KEPT_HOSTS:
            self._held.clear()
        self._held[_origin(endpoint)] = time.monotonic() + HOLD_SECONDS

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return Outcome.SENT
    if answer.status_code in _GONE:
        return Outcome.GONE
    return Outcome.FAILED if answer.status_code in _PASSING else Outcome.REFUSED


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and len(text) < 6 else None  # noqa: PLR2004 - of seconds; a date is passed by


def _origin(endpoint: str) -> str:
    return endpoint.partition("://")[2].partition("/")[0]
