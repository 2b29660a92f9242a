"""Synchronous code that waits for the event loop, and what it must not hold up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import Future

import pytest

from infra.bridge import Bridged, bridged, is_bridged, wait, wait_for


def sum_of(futures: list[Future[int]]) -> int:
    """Synchronous, as a reader is."""
    return sum(wait(future) for future in futures)


async def test_code_that_waits_lets_others_run() -> None:
    first: Future[int] = Future()
    second: Future[int] = Future()

    async def asks() -> int:
        await asyncio.sleep(0)
        return sum_of([first, second])

    async def answers() -> None:
        first.set_result(1)
        await asyncio.sleep(0)
        second.set_result(2)

    total, _ = await asyncio.gather(bridged(asks()), answers())
    assert total == 3


async def test_an_answer_that_another_thread_gives_is_heard() -> None:
    future: Future[int] = Future()
    threading.Thread(target=future.set_result, args=(7,)).start()

    async def asks() -> int:
        return wait(future)

    assert await bridged(asks()) == 7


async def test_an_error_is_raised_where_it_was_waited_for() -> None:
    future: Future[int] = Future()

    async def asks() -> str:
        try:
            wait(future)
        except ValueError as error:
            return str(error)
        return "nothing"

    task = asyncio.ensure_future(bridged(asks()))
    await asyncio.sleep(0)
    future.set_exception(ValueError("no"))
    assert await task == "no"


async def test_cancelling_the_task_ends_the_wait() -> None:
    cleaned: list[str] = []

    async def asks() -> None:
        try:
            wait(Future())
        finally:
            cleaned.append("up")

    task = asyncio.ensure_future(bridged(asks()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["up"]


async def test_a_timeout_of_the_loop_ends_the_wait() -> None:
    async def asks() -> None:
        async with asyncio.timeout(0.01):  # noqa: ASYNC100 - it waits below, which is the point
            wait(Future())

    with pytest.raises(TimeoutError):
        await bridged(asks())


async def test_synchronous_code_may_run_a_coroutine() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 5

    async def asks() -> int:
        assert is_bridged()
        return wait_for(answer())

    assert await bridged(asks()) == 5
    assert not is_bridged()


async def test_context_variables_are_seen_below() -> None:
    name = contextvars.ContextVar[str]("name")
    name.set("ada")

    async def asks() -> str:
        return name.get()

    assert await bridged(asks()) == "ada"


async def test_an_app_may_be_bridged_as_a_whole() -> None:
    seen: list[bool] = []

    async def app(scope: object, receive: object, send: object) -> None:
        del scope, receive, send
        seen.append(is_bridged())

    await Bridged(app)(None, None, None)
    assert seen == [True]


def test_plain_code_blocks() -> None:
    future: Future[int] = Future()
    threading.Thread(target=future.set_result, args=(7,)).start()
    assert wait(future) == 7
