"""Lets all processes count together: each hands out a few tokens by itself and reports them ten times a second.

A process knows of each bucket what it has taken itself and what it was last told. As long as no more than the bucket's
slack is unreported, a request costs no round trip; beyond that the counter is asked before the request is let in, and
what is unreported goes along. So N processes let through at most (N - 1) x slack more than the limit (a sixteenth of it
each; none where a bucket is exact), which is a debt: it is paid before anything is let in again.

Guarantee: where the counter is away, each process counts for itself, asks again every AWAY_S, and says so in a metric.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

import prometheus_client

from infra.http.buckets import MINUTE_S, Buckets
from infra.projections import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from typing import Any

REPORT_S = 0.1
REPORTED_AT_ONCE = 500
AWAY_S = 1.0
UNREPORTED_KEPT = 20_000  # callers within REPORT_S; for more than that the counter is asked at once

Place = tuple[Buckets, object]
"""Buckets of one size, and whose."""

UNSHARED = prometheus_client.Counter(
    "murmur_rate_limits_unshared", "Requests counted in one process alone: the counter was away."
)

log = logging.getLogger(__name__)


class Claim(NamedTuple):
    """What a bucket is asked for: of which `taken` tokens were handed out already; one flows in every `interval_s`."""

    bucket: str
    caller: str
    taken: int
    interval_s: float


class Counted(NamedTuple):
    """Whether one more token was given from all of them, and in how many seconds each is full."""

    given: bool
    full_in_s: list[float]


class Counting(Protocol):
    """What counts for all: infra.redis_limits. Raises StoreError where it is away."""

    def count(self, claims: Sequence[Claim], *, wanted: bool) -> Counted:
        """Take what was taken already, and, if `wanted` and all of them have one, a token of each."""


class SharedLimits:
    """The shared side of a process's rate limits; `below` makes what waits for servers wait well (infra.bridge)."""

    def __init__(
        self,
        counting: Counting,
        below: Callable[[Coroutine[Any, Any, None]], Awaitable[None]],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counting = counting
        self._below = below
        self._now_s = now_s
        self._unreported: Counter[Place] = Counter()
        self._under_way: Counter[Place] = Counter()  # told to the counter, which has not answered yet
        self._reporting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._away_until = float("-inf")

    def count(self, wanted: Sequence[Place], now: float, after: list[float]) -> list[float]:
        """Count a request that this process would let in; return in how many seconds each bucket is full by then.

        Above a minute: it is not to be let in, and nothing was counted.
        """
        if now < self._away_until:
            UNSHARED.inc()
            return after
        unreported, under_way = self._unreported, self._under_way
        if len(unreported) < UNREPORTED_KEPT and all(
            unreported.get(each, 0) + under_way.get(each, 0) < each[0].slack for each in wanted
        ):
            for each in wanted:
                unreported[each] = unreported.get(each, 0) + 1
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(REPORT_S, self._begin)
            return after
        return self._asked(wanted, now, after)

    def _asked(self, wanted: Sequence[Place], now: float, after: list[float]) -> list[float]:
        counted = self._ask([(each, self._unreported.pop(each, 0)) for each in wanted], wanted=True)
        if counted is None:
            UNSHARED.inc()
            return after
        if counted.given:
            return [max(pair) for pair in zip(after, counted.full_in_s, strict=True)]
        for (bucket, caller), full_in_s in zip(wanted, counted.full_in_s, strict=True):
            bucket.learn(caller, now, full_in_s)
        return [full_in_s + bucket.interval_s for (bucket, _), full_in_s in zip(wanted, counted.full_in_s, strict=True)]

    def _ask(self, taken: Sequence[tuple[Place, int]], *, wanted: bool) -> Counted | None:
        claims = [Claim(bucket.name, str(caller), count, bucket.interval_s) for (bucket, caller), count in taken]
        for place, count in taken:
            self._under_way[place] += count + wanted
        try:
            return self._counting.count(claims, wanted=wanted)
        except StoreError as error:
            if self._now_s() >= self._away_until + MINUTE_S:
                log.warning("requests are counted in this process alone: %s", error)
            self._away_until = self._now_s() + AWAY_S
            return None
        finally:
            for place, count in taken:
                self._under_way[place] -= count + wanted
                if not self._under_way[place]:
                    del self._under_way[place]

    def _begin(self) -> None:
        self._timer = None
        self._reporting = asyncio.get_running_loop().create_task(self._report_below())

    async def _report_below(self) -> None:
        await self._below(self._report())

    async def _report(self) -> None:
        unreported, self._unreported = list(self._unreported.items()), Counter()
        for first in range(0, len(unreported), REPORTED_AT_ONCE):
            some = unreported[first : first + REPORTED_AT_ONCE]
            counted = self._ask(some, wanted=False)
            if counted is None:
                UNSHARED.inc(sum(count for _, count in unreported[first:]))
                return
            now = self._now_s()
            for ((bucket, caller), _), full_in_s in zip(some, counted.full_in_s, strict=True):
                since = self._unreported.get((bucket, caller), 0)
                bucket.learn(caller, now, full_in_s + since * bucket.interval_s)
