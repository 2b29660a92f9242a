"""Wakes readers in other processes when there is something new to read, without polling.

Every listener binds a Unix datagram socket in one directory; whoever has committed sends one byte to each of them.
A ring that is lost (a full socket, a listener that starts just then) costs latency, never data: listeners look at the
store itself when they wake, and wake at least once per time-out. The directory stands under the system's temporary
folder, named by a hash of what it rings for, because socket paths are limited to 107 bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import socket
import tempfile
from pathlib import Path
from typing import Self

_serial = itertools.count()


def _directory(subject: Path) -> Path:
    name = hashlib.sha256(str(subject.resolve()).encode()).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()) / f"murmur-{os.getuid()}" / name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


class Bell:
    """Rings for one subject (a file or folder); cheap enough to ring after every commit. Thread-safe."""

    def __init__(self, subject: Path) -> None:
        self._directory = _directory(subject)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._listeners: list[str] = []
        self._listed_at_ns = -1

    def ring(self) -> None:
        """Wake every listener."""
        changed_at_ns = self._directory.stat().st_mtime_ns
        if changed_at_ns != self._listed_at_ns:
            self._listed_at_ns = changed_at_ns
            self._listeners = [str(path) for path in self._directory.iterdir()]
        for listener in self._listeners:
            try:
                self._socket.sendto(b"!", listener)
            except BlockingIOError:
                pass  # its socket is full: it has been rung and has not looked yet
            except OSError:
                with contextlib.suppress(OSError):
                    Path(listener).unlink()  # its process is gone

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()


class Doorbell:
    """Hears the rings for one subject; made and used inside a running event loop."""

    def __init__(self, subject: Path) -> None:
        self._path = _directory(subject) / f"{os.getpid()}-{next(_serial)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()  # left by a process of the same number
        self._socket.bind(str(self._path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._heard)
        self._waiters: set[asyncio.Future[None]] = set()

    def _heard(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def expect(self) -> asyncio.Future[None]:
        """Return a future that the next ring resolves: take it, look at the store, and only then wait."""
        waiter = self._loop.create_future()
        self._waiters.add(waiter)
        return waiter

    async def wait(self, timeout: float, waiter: asyncio.Future[None] | None = None) -> bool:  # noqa: ASYNC109 - a bound per wait is the contract
        """Wait for a ring, at most `timeout` seconds; return whether it rang."""
        waiter = waiter or self.expect()
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    def close(self) -> None:
        """Stop listening."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
