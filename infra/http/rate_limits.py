"""Rate limits from the route table: each route names its class; a class has a limit per account and per address.

A limit is a token bucket that holds one minute's worth, kept as one number (GCRA, ITU-T I.371): the time at which
the bucket would be full again. Memory is bounded: the caller who has been silent longest is forgotten first.
"""

from __future__ import annotations

import enum
import ipaddress
import math
import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Depends
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.bearer import identify, subject
from infra.auth.tokens import Subject  # noqa: TC001 - FastAPI reads the annotation
from infra.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from starlette.types import Scope

    from infra.settings import Settings

CALLERS_KEPT = 100_000  # about 15 MB a class
ACCOUNTS_PER_ADDRESS = 10  # a household, an office or a school behind one address
IPV6_PREFIX = 64  # one customer has at least a /64
_MINUTE_S = 60.0


class RateClass(enum.StrEnum):
    """What a route counts as."""

    AUTH = "auth"
    WRITE = "write"
    READ = "read"


class Buckets:
    """Token buckets of one size, by caller."""

    def __init__(self, per_minute: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._interval_s = _MINUTE_S / per_minute
        self._now_s = now_s
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def take(self, caller: object) -> float:
        """Take a token; return 0, or the seconds after which there will be one."""
        now = self._now_s()
        full_at = max(self._full_at.get(caller, now), now) + self._interval_s
        if full_at - now > _MINUTE_S + 1e-9:
            return full_at - now - _MINUTE_S
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > CALLERS_KEPT:
            self._full_at.popitem(last=False)
        return 0.0


class _Limit(NamedTuple):
    per_account: Buckets | None
    per_address: Buckets


class RateLimits:
    """The limits of one process; the app keeps them at `app.state.rate_limits`."""

    def __init__(self, settings: Settings, now_s: Callable[[], float] = time.monotonic) -> None:
        self.enabled = settings.rate_limits
        self._trusted = frozenset(
            _address(part.strip()) for part in settings.trusted_proxies.split(",") if part.strip()
        )
        writes, reads = settings.rate_limit_writes_per_minute, settings.rate_limit_reads_per_minute
        self._limits = {
            RateClass.AUTH: _Limit(None, Buckets(settings.rate_limit_auth_per_minute, now_s)),
            RateClass.WRITE: _Limit(Buckets(writes, now_s), Buckets(writes * ACCOUNTS_PER_ADDRESS, now_s)),
            RateClass.READ: _Limit(Buckets(reads, now_s), Buckets(reads * ACCOUNTS_PER_ADDRESS, now_s)),
        }
        self._anonymous_reads = Buckets(reads, now_s)

    def check(self, rate_class: RateClass, scope: Scope, user_id: int | None) -> None:
        """Count one request; raises the 429 problem where a bucket is empty."""
        limit = self._limits[rate_class]
        wait_s = 0.0
        if limit.per_account is not None and user_id is not None:
            wait_s = limit.per_account.take(user_id)
        elif rate_class is RateClass.READ:
            wait_s = self._anonymous_reads.take(self.caller(scope))
        if not wait_s:
            wait_s = limit.per_address.take(self.caller(scope))
        if wait_s:
            raise Problem("rate_limited", headers={"Retry-After": str(math.ceil(wait_s))})

    def caller(self, scope: Scope) -> str:
        """Return the caller's network: the peer's, or what a trusted proxy says about it."""
        client = scope.get("client")
        peer = _address(client[0]) if client else "unknown"
        if peer not in self._trusted:
            return peer
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for hop in reversed(forwarded.decode("latin-1").split(",")):  # the nearest hop that is no proxy of ours
            if (address := _address(hop.strip())) not in self._trusted:
                return address
        return peer


@lru_cache(maxsize=10_000)
def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def limited(rate_class: RateClass) -> Any:
    """Return the dependency that counts a request against its class; a route lists it in `dependencies`."""
    return Depends(_LIMITERS[rate_class])


def limited_subject(rate_class: RateClass) -> Any:
    """Return the dependency that counts a request and gives who asks: both in one, because each costs 20 µs."""
    return Depends(_SUBJECT_LIMITERS[rate_class])


def rate_class_of(dependency: object) -> RateClass | None:
    """Return the class that a route's dependency counts, or None: the route table is read by the tests."""
    return next((kind for table in (_LIMITERS, _SUBJECT_LIMITERS) for kind in table if table[kind] is dependency), None)


def _limiter(rate_class: RateClass) -> Callable[[Request], Coroutine[Any, Any, None]]:
    async def count(request: Request) -> None:
        _count(request, rate_class)

    return count


def _subject_limiter(rate_class: RateClass) -> Callable[[Request], Coroutine[Any, Any, Subject]]:
    async def count(request: Request) -> Subject:
        who = _count(request, rate_class)
        return who if who is not None else await subject(request)

    return count


def _count(request: Request, rate_class: RateClass) -> Subject | None:
    limits: RateLimits = request.app.state.rate_limits
    if not limits.enabled:
        return identify(request)
    try:
        who = identify(request)
    except Problem:
        limits.check(rate_class, request.scope, None)  # a bad token does not escape the address's limit
        raise
    limits.check(rate_class, request.scope, None if who is None else who.user_id)
    return who


_LIMITERS = {rate_class: _limiter(rate_class) for rate_class in RateClass}
_SUBJECT_LIMITERS = {rate_class: _subject_limiter(rate_class) for rate_class in RateClass}
