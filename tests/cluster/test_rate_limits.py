"""Limits that several processes count together, on real Redis servers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from infra import cluster_checks, redis_limits
from infra.bridge import bridged
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, RateLimits
from infra.http.shared_limits import Claim
from infra.projections import StoreError
from infra.redis_limits import RedisLimits
from infra.redis_primaries import Command, Primaries
from infra.servers import running
from infra.servers.redis import operator_url
from infra.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

NAMES = ("redis", "redis-2")
LIMIT = 48
SIGN_INS = 2  # one flows in every half a minute: a busy machine is not as slow
SLACK = LIMIT // 16


@pytest.fixture(scope="module")
def own_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(NAMES, tmp_path_factory.mktemp("limits")) as fleet:
        yield fleet


@pytest.fixture
def urls(own_fleet: Fleet) -> str:
    own_fleet.start(*NAMES)
    for name in NAMES:
        with closing(Primaries([operator_url(own_fleet[name])])) as primary:
            primary.run([Command(0, ("FLUSHALL",))])
    return own_fleet.settings()["redis_limits_urls"]


class Process:
    """The limits of one process, as a composition root makes them."""

    def __init__(self, urls: str, opening: ExitStack, **limits: Any) -> None:
        settings = Settings(**{"rate_limit_auth_per_minute": SIGN_INS, "rate_limit_writes_per_minute": LIMIT, **limits})
        self.limits = RateLimits(settings, shared=redis_limits.opened(urls, opening))

    async def lets_in(self, rate_class: RateClass, user_id: int, address: str = "192.0.2.1") -> bool:
        async def check() -> bool:
            try:
                self.limits.check(rate_class, {"type": "http", "client": (address, 1), "headers": []}, user_id)
            except Problem:
                return False
            return True

        return await bridged(check())


async def test_what_signs_in_is_counted_to_the_call_over_processes(urls: str) -> None:
    with ExitStack() as opening:
        processes = [Process(urls, opening) for _ in range(3)]
        told = [await processes[number % 3].lets_in(RateClass.AUTH, 7) for number in range(8)]
    assert told == [True] * SIGN_INS + [False] * (8 - SIGN_INS)


async def test_processes_let_through_no_more_than_the_limit_and_their_slack(urls: str) -> None:
    with ExitStack() as opening:
        processes = [Process(urls, opening) for _ in range(3)]
        began = time.monotonic()
        told = await asyncio.gather(*(processes[number % 3].lets_in(RateClass.WRITE, 7) for number in range(3 * LIMIT)))
        let_in = sum(told)
        flowed_in = (time.monotonic() - began) * LIMIT / 60 + 1
        assert LIMIT <= let_in <= LIMIT + 2 * SLACK + flowed_in
        assert await processes[0].lets_in(RateClass.WRITE, 8)  # somebody else is not concerned


async def test_what_a_process_handed_out_is_heard_of_by_the_others(urls: str) -> None:
    with ExitStack() as opening:
        first, second = Process(urls, opening), Process(urls, opening, rate_limit_auth_per_minute=1)
        for user in range(LIMIT * 10):  # each its first; together all that their address has
            assert await first.lets_in(RateClass.WRITE, user)
        async with asyncio.timeout(30):
            while await second.lets_in(RateClass.WRITE, 1_000_000):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.05)


async def test_the_limiter_may_touch_nothing_else(urls: str) -> None:
    limiter = urls.split(",", maxsplit=1)[0]
    with closing(Primaries([limiter])) as primary:
        for words in (("GET", "{home}1"), ("KEYS", "*"), ("FLUSHALL",), ("DEL", "limit:x"), ("CONFIG", "GET", "*")):
            with pytest.raises(StoreError, match=r"(?i)no permissions|NOPERM"):
                primary.run([Command(0, words)])


def test_a_script_that_redis_has_lost_is_told_again(urls: str, own_fleet: Fleet) -> None:
    with closing(RedisLimits(urls.split(","))) as counting:
        claims = [Claim("write", str(user), 1, 1.0) for user in range(20)]
        assert counting.count(claims, wanted=False).full_in_s == pytest.approx([1.0] * 20, abs=0.5)
        for name in NAMES:
            with closing(Primaries([operator_url(own_fleet[name])])) as primary:
                primary.run([Command(0, ("SCRIPT", "FLUSH"))])
        assert counting.count(claims, wanted=True).given


def test_the_doctor_says_who_counts(urls: str) -> None:
    told = Settings(redis_limits_urls=urls)
    wrong = told.model_copy(update={"redis_limits_urls": urls.replace("limiter:", "limiter:x")})
    assert cluster_checks.limits(told).found == "all processes count requests together"
    fault = cluster_checks.limits(wrong)
    assert "MURMURATION_REDIS_LIMITS_URLS" in fault.remedy
    assert urls.split("@", maxsplit=1)[0].rsplit(":", maxsplit=1)[-1] not in fault.found
    assert cluster_checks.limits(Settings()).remedy == ""


async def test_a_redis_that_hangs_or_dies_is_no_outage(urls: str, own_fleet: Fleet) -> None:
    with ExitStack() as opening:
        process = Process(urls, opening)
        assert await process.lets_in(RateClass.AUTH, 7)
        pids = [pid for name in NAMES if (pid := own_fleet[name].pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(30):
                told = [await process.lets_in(RateClass.AUTH, 7) for _ in range(5)]
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert told == [True] * (SIGN_INS - 1) + [False] * (6 - SIGN_INS)  # it goes on counting by itself
        own_fleet.stop(*NAMES)
        assert LIMIT <= sum([await process.lets_in(RateClass.WRITE, 9) for _ in range(3 * LIMIT)]) < 2 * LIMIT
        own_fleet.start(*NAMES)
        async with asyncio.timeout(30):  # and shares again
            while await Process(own_fleet.settings()["redis_limits_urls"], opening).lets_in(RateClass.AUTH, 1, "::1"):
                pass
