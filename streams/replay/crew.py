"""Starts the processes of a replay, hears what they say, and ends them with this one.

Each hangs on a leash (infra.leash): it stops when its starter is gone, however that ended.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING, Self

import msgspec

from infra.priority import give_way_as_session
from streams.replay.messages import Line, Orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.settings import Settings

STOP_SECONDS = 15.0
HEAR_SECONDS = 0.5


class Crew:
    """The processes, from start to end; a context, so that none is left behind."""

    def __init__(self, settings: Settings, module: str, orders: Sequence[Orders], nice: int) -> None:
        self._module = module
        self._nice = nice
        self._heard: Queue[Line | None] = Queue()
        self._processes = [self._start(settings, it) for it in orders]
        self._threads = [threading.Thread(target=self._listen, args=(it,), daemon=True) for it in self._processes]
        for thread in self._threads:
            thread.start()

    def _start(self, settings: Settings, orders: Orders) -> subprocess.Popen[bytes]:
        told = msgspec.json.encode(orders).decode()
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "infra.leash", self._module, told],
            env=settings.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        give_way_as_session(process.pid, self._nice)
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            self._heard.put(msgspec.json.decode(line, type=Line))
        self._heard.put(None)

    def lines(self) -> Iterator[Line | None]:
        """Return what they say until all have ended; None now and then, where nothing is said."""
        going = len(self._processes)
        while going:
            try:
                line = self._heard.get(timeout=HEAR_SECONDS)
            except Empty:
                yield None
                continue
            if line is None:
                going -= 1
            else:
                yield line

    def exit_codes(self) -> list[int]:
        """Return how they ended; waits for their end."""
        return [process.wait(STOP_SECONDS) for process in self._processes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
