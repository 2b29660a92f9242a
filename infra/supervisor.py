"""Keeps a set of processes running: starts them again when they die, and stops them with itself.

Guarantee: a child that dies is started again after a delay that doubles; one that keeps dying young of itself ends
everything, with GaveUpError. Stopping asks first (SIGTERM) and kills after a bound. A supervisor that is killed itself
takes its children along: each hangs on a leash (see infra.leash).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_LOG_BYTES = 20_000_000  # some 100,000 requests; one older file is kept


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep: `module` and its arguments, its whole environment, and the file that its output goes to.

    Where one that is not `essential` cannot be kept running, the others go on.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    essential: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """When to start a dead child again, and when to give up."""

    first_delay_s: float = 0.2
    longest_delay_s: float = 5.0
    young_s: float = 5.0  # whoever dies younger has most likely a reason to die again
    young_deaths: int = 5  # in a row; with the delays above some 3 s go by before it is given up
    stop_s: float = 10.0
    look_at_logs_s: float = 10.0  # at 2,000 requests a second a log grows by 4 MB in between


class GaveUpError(Exception):
    """A child died young too often; the message says which, and where its last words stand."""


class Supervisor:
    """Use as `async with`: leaving the block stops every child. `tell` hears who runs whenever one has started."""

    def __init__(
        self,
        say: Callable[[str], None],
        policy: Policy = Policy(),
        tell: Callable[[dict[str, int]], None] = lambda _: None,
    ) -> None:
        self._say = say
        self._policy = policy
        self._tell = tell
        self._processes: dict[str, Process] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._logs: list[asyncio.Task[None]] = []
        self.starts: dict[str, int] = {}

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that run."""
        return {name: process.pid for name, process in self._processes.items() if process.returncode is None}

    async def start(self, child: Child) -> None:
        """Start a child and keep it running; returns when it has its first process."""
        await self._spawn(child)
        self._lives[child.name] = asyncio.create_task(self._keep(child))
        self._logs.append(asyncio.create_task(self._keep_short(child.log)))

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raises GaveUpError when a child cannot be kept running."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stopping.done():
                self.check()
                going_on = [life for life in self._lives.values() if not life.done()]
                await asyncio.wait([stopping, *going_on], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    def check(self) -> None:
        """Raise GaveUpError where a child has been given up."""
        for life in self._lives.values():
            if life.done():
                life.result()

    async def _spawn(self, child: Child) -> Process:
        with child.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "infra.leash", child.module, *child.arguments,
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, env=dict(child.environment),
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops the children in its own way
            )  # fmt: skip
        self._processes[child.name] = process
        self.starts[child.name] = self.starts.get(child.name, 0) + 1
        self._tell(self.pids())
        return process

    async def _keep(self, child: Child) -> None:
        clock = asyncio.get_running_loop().time
        process, born, young_deaths = self._processes[child.name], clock(), 0
        while True:
            code = await process.wait()
            young_deaths = young_deaths + 1 if clock() - born < self._policy.young_s else 1
            reason = f"{child.name} ended {_how(code)}"
            # SIGKILL comes from outside (an operator, a machine short of memory): no reason to think it will not live
            if young_deaths >= self._policy.young_deaths and code != -signal.SIGKILL:
                gave_up = f"{reason}, {young_deaths} times in a row; read the end of {child.log}, then start again"
                if child.essential:
                    raise GaveUpError(gave_up)
                self._say(gave_up)
                return
            delay = min(self._policy.first_delay_s * 2 ** (young_deaths - 1), self._policy.longest_delay_s)
            self._say(f"{reason}; starting it again in {delay:.1f} s (its log: {child.log})")
            await asyncio.sleep(delay)
            process, born = await self._spawn(child), clock()

    async def _keep_short(self, log: Path) -> None:
        while True:
            await asyncio.to_thread(_put_aside, log)
            await asyncio.sleep(self._policy.look_at_logs_s)

    async def stop(self) -> None:
        """Ask every child to stop, wait for all, kill what is left after the bound."""
        for task in (*self._lives.values(), *self._logs):
            task.cancel()
        await asyncio.gather(*self._lives.values(), return_exceptions=True)
        running = [process for process in self._processes.values() if process.returncode is None]
        self._signal(running, signal.SIGTERM)
        waits = [asyncio.create_task(process.wait()) for process in running]
        if waits:
            await asyncio.wait(waits, timeout=self._policy.stop_s)
            self._signal(running, signal.SIGKILL)
            await asyncio.gather(*waits)

    def _signal(self, processes: list[Process], number: signal.Signals) -> None:
        for process in processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _put_aside(log: Path) -> None:
    """Cut a log that has grown too long, keeping its content beside it; its process goes on appending to the file."""
    if log.stat().st_size > MAX_LOG_BYTES:
        with contextlib.suppress(OSError):  # a full disk: then it is all the more to be cut
            shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
