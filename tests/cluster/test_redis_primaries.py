"""Connections to real Redis servers, below the bridge and outside of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from redis.exceptions import NoScriptError

from infra.bridge import bridged
from infra.projections import StoreError, StoreUnavailableError
from infra.redis_primaries import Command, Primaries
from infra.servers import running
from infra.servers.redis import operator_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

T = TypeVar("T")
NAMES = ("redis", "redis-2", "redis-3")


@pytest.fixture(scope="module")
def own_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(NAMES, tmp_path_factory.mktemp("redis")) as fleet:
        yield fleet


@pytest.fixture
def three(own_fleet: Fleet) -> Fleet:
    """Three servers, running again whatever the last test did to them."""
    own_fleet.start(*NAMES)
    return own_fleet


def urls_of(fleet: Fleet) -> list[str]:
    return [operator_url(fleet[name]) for name in NAMES]


async def below(function: Callable[[], T]) -> T:
    async def called() -> T:
        return function()

    return await bridged(called())


def a_round(primaries: Primaries, name: str, size: int = 10) -> list[Any]:
    """Write and read on all primaries."""
    for shard in range(6):
        primaries.run([Command(shard, ("RPUSH", f"{name}:{shard}", *[b"x" * size] * 3))])
    asked = [Command(shard, ("LRANGE", f"{name}:{shard}", 0, -1)) for shard in range(6)]
    return primaries.run([*asked, Command(0, ("DEL", *(f"{name}:{shard}" for shard in range(0, 6, 3))))])


async def test_answers_come_in_the_order_of_the_commands(three: Fleet) -> None:
    with closing(Primaries(urls_of(three))) as primaries:
        asked = [Command(shard, ("ECHO", f"{shard}")) for shard in (5, 0, 3, 1, 4, 2)]
        expected = [b"5", b"0", b"3", b"1", b"4", b"2"]
        assert primaries.run(asked) == expected
        assert await below(lambda: primaries.run(asked)) == expected
        assert await below(lambda: primaries.run(asked, at_once=True)) == expected


async def test_many_tasks_share_a_connection_and_each_has_its_own_answers(three: Fleet) -> None:
    with closing(Primaries(urls_of(three))) as primaries:
        sizes = [1, 100, 10_000, 300_000, 7] * 8
        jobs = [below(partial(a_round, primaries, f"{at}", size)) for at, size in enumerate(sizes)]
        for size, answers in zip(sizes, await asyncio.gather(*jobs), strict=True):
            assert answers == [*[[b"x" * size] * 3] * 6, 2]
        counted = [Command(shard, ("CLIENT", "LIST")) for shard in range(3)]
        for clients in await below(lambda: primaries.run(counted)):
            assert clients.count(b"\n") == 1


async def test_an_error_is_one_command_s_and_spares_the_connection(three: Fleet) -> None:
    with closing(Primaries(urls_of(three))) as primaries:
        wrong = [Command(0, ("SET", "a", "1")), Command(0, ("LPUSH", "a", "1"))]
        for at_once in (False, True):
            with pytest.raises(StoreError, match="WRONGTYPE"):
                await below(partial(primaries.run, wrong, at_once=at_once))
        with pytest.raises(NoScriptError):
            await below(lambda: primaries.run([Command(0, ("EVALSHA", "0" * 40, 0))]))
        name = await below(lambda: primaries.load("return 7"))
        assert name == primaries.load("return 7")
        assert await below(lambda: primaries.run([Command(1, ("EVALSHA", name, 0))])) == [7]


async def test_a_password_that_is_refused_is_no_passing_trouble(three: Fleet) -> None:
    url = urls_of(three)[0].replace("operator:", "nobody:")
    with closing(Primaries([url])) as primaries:
        for _ in range(2):
            with pytest.raises(StoreError, match="AuthenticationError") as refused:
                await below(lambda: primaries.run([Command(0, ("PING",))]))
            assert not isinstance(refused.value, StoreUnavailableError)


async def test_it_goes_on_after_a_kill_without_a_restart_of_the_process(three: Fleet) -> None:
    with closing(Primaries(urls_of(three))) as primaries:
        for run in (lambda: primaries.run([Command(1, ("PING",))]), lambda: a_round(primaries, "again")):
            await below(run)
            three.kill("redis-2")
            for _ in range(3):
                with pytest.raises(StoreUnavailableError):
                    await below(run)
            three.start("redis-2")

            def is_back() -> bool:
                try:
                    return primaries.run([Command(1, ("PING",))]) == [b"PONG"]
                except StoreUnavailableError:
                    return False

            async with asyncio.timeout(30):
                while not await below(is_back):  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.01)


async def test_a_redis_that_does_not_answer_holds_up_requests_once_and_the_loop_not_at_all(
    three: Fleet,
) -> None:
    pid = three["redis-3"].pid
    with closing(Primaries(urls_of(three), seconds=0.5)) as primaries:

        def ask() -> list[Any]:
            return primaries.run([Command(2, ("PING",))])

        await below(ask)
        os.kill(pid, signal.SIGSTOP)
        try:
            began, ticks = time.monotonic(), 0
            asked = asyncio.gather(*(below(ask) for _ in range(20)), return_exceptions=True)
            while not asked.done():
                ticks += 1
                await asyncio.sleep(0.01)
            assert all(isinstance(it, StoreUnavailableError) for it in asked.result())
            assert time.monotonic() - began < 1.5
            assert ticks > 20
            with pytest.raises(StoreUnavailableError):
                await below(ask)  # the attempt to connect
            began = time.monotonic()
            for _ in range(20):
                with pytest.raises(StoreUnavailableError):
                    await below(ask)
            assert time.monotonic() - began < 0.2
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_loop_may_end_before_the_connections_are_closed(three: Fleet) -> None:
    with closing(Primaries(urls_of(three))) as primaries:
        for _ in range(2):
            assert asyncio.run(below(lambda: primaries.run([Command(0, ("PING",))]))) == [b"PONG"]
