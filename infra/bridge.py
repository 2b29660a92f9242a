"""Lets synchronous code wait for the event loop: readers and stores keep one plain signature in both profiles.

The embedded read models answer from a file in microseconds; those of the cluster answer from the network, and a wait
there must not hold up everybody else's requests. So whatever runs inside `bridged` runs in a greenlet, where `wait`
hands the future to the task above and goes on when it is done. Outside of `bridged`, and in plain threads, `wait`
blocks. It is what SQLAlchemy does for its asyncio side; a switch costs about a microsecond, a thread's hop fifty.

NOTE: between two reads of a bridged function other requests run, as between two awaits.
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Generator
    from concurrent.futures import Future

T = TypeVar("T")


class _Bridge(greenlet):  # type: ignore[misc]  # untyped where the extra is not installed
    """Where code runs that may wait."""


@types.coroutine
def bridged(coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Await the coroutine so that all synchronous code below it may `wait`."""
    bridge = _Bridge(_drive)
    bridge.gr_context = contextvars.copy_context()
    asked = bridge.switch(coroutine)
    while not bridge.dead:
        try:
            told = yield asked
        except BaseException as error:  # noqa: BLE001 - whatever the task throws, the code that waits is to catch
            asked = bridge.throw(error)
        else:
            asked = bridge.switch(told)
    result: T = asked
    return result


def wait(future: Future[T]) -> T:
    """Return the result of a future that another thread resolves; blocks the thread where nothing is bridged."""
    if not isinstance(getcurrent(), _Bridge) or future.done():
        return future.result()
    result: T = _drive(asyncio.wrap_future(future))
    return result


def wait_for(awaitable: Awaitable[T]) -> T:
    """Return the result of a coroutine or future of the event loop; only below `bridged`."""
    result: T = _drive(awaitable)
    return result


def is_bridged() -> bool:
    """Tell whether this code runs below `bridged`."""
    return isinstance(getcurrent(), _Bridge)


def _drive(awaitable: Any) -> Any:
    """Run an awaitable to its end, handing each future that it waits for to the greenlet above."""
    above = getcurrent().parent
    assert above is not None  # noqa: S101 - only the main greenlet has none
    steps = awaitable.__await__()
    try:
        asked = next(steps)
        while True:
            try:
                told = above.switch(asked)
            except BaseException as error:  # noqa: BLE001 - as above
                asked = steps.throw(error)
            else:
                asked = steps.send(told)
    except StopIteration as end:
        return end.value


class Bridged:
    """An ASGI app below which synchronous code may wait."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve."""
        await bridged(self._app(scope, receive, send))
