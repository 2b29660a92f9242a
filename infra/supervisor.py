"""Keeps a set of processes running: starts them again when they die, and stops them with itself.

Guarantee: a child that dies is started again after a delay that doubles; one that keeps dying young of itself ends
everything, with GaveUpError. One that says why it cannot run (exit code REFUSED) ends everything sooner, with
RefusedError: it is tried again only because one that ran before it may still have to let go. Once the whole has been up
(`patient`), what a child misses was there and may come back: it is tried for ever, its reason told when it changes.
Stopping asks first (SIGTERM) and kills after a bound. A supervisor that is killed itself takes its children along: each
hangs on a leash (see infra.leash).
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

from infra.trouble import REFUSED

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping
    from pathlib import Path

LINE_BYTES = 4_000
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
    refusals: int = 3
    stop_s: float = 15.0  # a request ends within 10, and what it wrote is delivered or given up
    look_at_logs_s: float = 10.0  # at 2,000 requests a second a log grows by 4 MB in between

    def delay(self, deaths: int) -> float:
        """Return the seconds to wait after so many deaths in a row, from 1."""
        return min(self.first_delay_s * 2.0 ** min(deaths - 1, 20), self.longest_delay_s)


class GaveUpError(Exception):
    """A child died young too often; the message says which, and where its last words stand."""


class RefusedError(GaveUpError):
    """A child cannot run, and said why; the message is its last line."""


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
        self.patient = False

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
        process, born, young_deaths, refusals, told = self._processes[child.name], clock(), 0, 0, ""
        while True:
            code = await process.wait()
            young_deaths = young_deaths + 1 if clock() - born < self._policy.young_s else 1
            reason = last_line(child.log) if code == REFUSED else f"{child.name} ended {_how(code)}"
            refusals = refusals + 1 if code == REFUSED else 0
            if refusals >= self._policy.refusals and child.essential and not self.patient:
                raise RefusedError(reason)
            if self._is_given_up(code, young_deaths):
                gave_up = f"{reason}, {young_deaths} times in a row; read the end of {child.log}, then start again"
                if child.essential:
                    raise GaveUpError(gave_up)
                self._say(gave_up)
                return
            delay = self._policy.delay(young_deaths)
            if code != REFUSED or reason != told:
                self._say(f"{reason}; starting it again in {delay:.1f} s (its log: {child.log})")
            told = reason
            await asyncio.sleep(delay)
            process, born = await self._spawn(child), clock()

    def _is_given_up(self, code: int, young_deaths: int) -> bool:
        """SIGKILL comes from outside (an operator, a machine short of memory): no reason to think it will not live."""
        waits = code == REFUSED and self.patient
        return young_deaths >= self._policy.young_deaths and code != -signal.SIGKILL and not waits

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


def last_line(log: Path) -> str:
    """Return the last line that a process wrote."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LINE_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _put_aside(log: Path) -> None:
    """Cut a log that has grown too long, keeping its content beside it; its process goes on appending to the file."""
    if log.stat().st_size > MAX_LOG_BYTES:
        with contextlib.suppress(OSError):  # a full disk: then it is all the more to be cut
            shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
