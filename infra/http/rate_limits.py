"""Rate limits from the route table: each route names its class; a class has a limit per account and per address.

How many there are is told in every answer that was counted (`RateLimit`, draft-ietf-httpapi-ratelimit-headers), and in
`Retry-After` of a 429. Nothing is counted for who is refused.
"""

from __future__ import annotations

import enum
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Depends
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.bearer import identify, subject
from infra.auth.tokens import Subject  # noqa: TC001 - FastAPI reads the annotation
from infra.http.buckets import MINUTE_S, Buckets, wait_s
from infra.http.callers import Callers
from infra.http.middleware import TOLD
from infra.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from starlette.types import Scope

    from infra.http.shared_limits import SharedLimits
    from infra.settings import Settings

ACCOUNTS_PER_ADDRESS = 10  # a household, an office or a school behind one address


class RateClass(enum.StrEnum):
    """What a route counts as."""

    AUTH = "auth"
    WRITE = "write"
    READ = "read"
    UPLOAD = "upload"
    OPEN = "open"
    """Pages, files, health, descriptions: what needs no account and hardly a read model."""


class _Limit(NamedTuple):
    per_account: Buckets | None
    per_address: Buckets
    anonymous: Buckets | None = None
    """Per address, of those without an account."""


Counted = tuple[Buckets, object]


class RateLimits:
    """The limits of one process; the app keeps them at `app.state.rate_limits`."""

    def __init__(
        self, settings: Settings, now_s: Callable[[], float] = time.monotonic, shared: SharedLimits | None = None
    ) -> None:
        self.enabled = settings.rate_limits
        self.callers = Callers(settings)
        self._now_s = now_s
        self._shared = shared
        self._limits = {
            RateClass.AUTH: _Limit(None, Buckets("auth", settings.rate_limit_auth_per_minute, exact=True)),
            RateClass.WRITE: _of_accounts("write", settings.rate_limit_writes_per_minute),
            RateClass.UPLOAD: _of_accounts("upload", settings.rate_limit_uploads_per_minute),
            RateClass.READ: _of_accounts("read", settings.rate_limit_reads_per_minute, anonymous=True),
            RateClass.OPEN: _Limit(None, Buckets("open", settings.rate_limit_reads_per_minute * ACCOUNTS_PER_ADDRESS)),
        }

    def caller(self, scope: Scope) -> str:
        """Return the caller's network."""
        return self.callers.network(scope)

    def check(self, rate_class: RateClass, scope: Scope, user_id: int | None) -> None:
        """Count one request; raises the 429 problem where a bucket is empty."""
        limit, address, now = self._limits[rate_class], self.caller(scope), self._now_s()
        counted: list[Counted] = [(limit.per_address, address)]
        if user_id is not None and limit.per_account is not None:
            counted.insert(0, (limit.per_account, user_id))
        elif limit.anonymous is not None and user_id is None:
            counted.insert(0, (limit.anonymous, address))
        after = [bucket.after(caller, now) for bucket, caller in counted]
        if self._shared is not None and not any(map(wait_s, after)):
            after = self._shared.count(counted, now, after)
        wait = max(map(wait_s, after))
        if wait:
            _tell(scope, counted[after.index(max(after))][0], max(after))
            raise Problem("rate_limited", headers={"Retry-After": str(math.ceil(wait))})
        for (bucket, caller), full_in_s in zip(counted, after, strict=True):
            bucket.take(caller, now, full_in_s)
        _tell(scope, counted[0][0], after[0])


def _of_accounts(name: str, per_minute: int, *, anonymous: bool = False) -> _Limit:
    return _Limit(
        Buckets(name, per_minute),
        Buckets(f"{name}-address", per_minute * ACCOUNTS_PER_ADDRESS),
        Buckets(f"{name}-anonymous", per_minute) if anonymous else None,
    )


def _tell(scope: Scope, bucket: Buckets, full_in_s: float) -> None:
    told: list[tuple[bytes, bytes]] | None = scope.get(TOLD)
    if told is not None:
        left = f'"{bucket.name}";r={bucket.remaining(full_in_s)};t={math.ceil(min(full_in_s, MINUTE_S))}'
        told += ((b"ratelimit-policy", bucket.policy), (b"ratelimit", left.encode()))


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

    async def count_all(request: Request) -> None:
        limits: RateLimits = request.app.state.rate_limits
        if limits.enabled:
            limits.check(rate_class, request.scope, None)

    return count_all if rate_class is RateClass.OPEN else count  # who asks does not matter there


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
