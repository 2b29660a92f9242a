"""Wakes readers in other processes when there is something new to read, without polling.

Every listener binds a Unix datagram socket in one directory; whoever has committed sends one byte to each of them.
A ring that is lost (a full socket, a listener that starts just then, another user's processes, another temporary
folder) costs latency, never data: listeners look at the store itself when they wake, and wake at least once per
time-out. The directory stands under the system's temporary folder, named by a hash of what it rings for, because
socket paths are limited to 107 bytes; it must be the user's own, as that folder is open to all. Where a cleaner of
temporary folders has removed it, listeners hang themselves up again at their next time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import stat
import tempfile
import time
from pathlib import Path
from typing import Self

FRESH_NS = 100_000_000  # file times have the kernel's tick, 1 to 10 ms: a second change within it would go unseen


HANG_UP_ATTEMPTS = 5  # each is lost only to another listener that leaves at the same moment


def _directory(subject: Path) -> Path:
    name = hashlib.sha256(str(subject.resolve()).encode()).hexdigest()[:16]
    ours = Path(tempfile.gettempdir()) / f"murmur-{os.getuid()}"
    for directory in (ours, ours / name):
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise PermissionError(
                f"{directory} must be a folder that belongs to this user and that no other may write to; remove it"
            )
    return ours / name


def _leave(directory: Path) -> None:
    """Remove the directory where nobody listens any more; whoever comes next makes it again."""
    with contextlib.suppress(OSError):
        directory.rmdir()


class Bell:
    """Rings for one subject (a file or folder); cheap enough to ring after every commit. One thread a bell."""

    def __init__(self, subject: Path) -> None:
        self._directory = _directory(subject)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._listeners: list[Path] = []
        self._listed_at_ns = -1

    def ring(self) -> None:
        """Wake every listener; never raises."""
        with contextlib.suppress(OSError):  # the directory is gone, and all listeners with it
            self._list_listeners()
        for listener in self._listeners:
            self._wake(listener)

    def _list_listeners(self) -> None:
        changed_at_ns = self._directory.stat().st_mtime_ns
        if changed_at_ns != self._listed_at_ns:
            self._listeners = [path for path in self._directory.iterdir() if not path.name.startswith(".")]
            self._listed_at_ns = changed_at_ns if time.time_ns() - changed_at_ns > FRESH_NS else -1

    def _wake(self, listener: Path) -> None:
        try:
            self._socket.sendto(b"!", str(listener))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                listener.unlink()  # its process is gone
        except OSError:
            pass  # its socket is full (it has been rung and has not looked yet), or it has just left

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
        _leave(self._directory)


class Doorbell:
    """Hears the rings for one subject; made and used inside a running event loop."""

    def __init__(self, subject: Path) -> None:
        self._subject = subject
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()
        self._closed = False
        self._hang_up()

    def _hang_up(self) -> None:
        for attempt in range(HANG_UP_ATTEMPTS):
            try:
                self._hang_up_in(_directory(self._subject))
            except FileNotFoundError:
                if attempt == HANG_UP_ATTEMPTS - 1:
                    raise
            else:
                return

    def _hang_up_in(self, directory: Path) -> None:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"  # process numbers repeat, also across containers
        hidden = directory / f".{name}"
        self._path = directory / name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(str(hidden))
            hidden.rename(self._path)  # a socket that is seen before it is bound would be taken for a dead one
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._heard)

    def _take_down(self) -> None:
        if self._socket.fileno() >= 0:  # else it could not be hung up again
            self._loop.remove_reader(self._socket)
            self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        _leave(self._path.parent)

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

    def forget(self, waiter: asyncio.Future[None]) -> None:
        """Take back an expectation that nobody waits for any more."""
        waiter.cancel()
        self._waiters.discard(waiter)

    async def wait(self, timeout: float, waiter: asyncio.Future[None] | None = None) -> bool:  # noqa: ASYNC109 - a bound per wait is the contract
        """Wait for a ring, at most `timeout` seconds; return whether it rang."""
        waiter = waiter or self.expect()
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            self.mend()
            return False
        finally:
            self.forget(waiter)
        return True

    def mend(self) -> None:
        """Hang the bell up again where its socket's file was removed; called after each time-out."""
        if not self._closed and not self._path.exists():
            self._take_down()
            self._hang_up()

    def close(self) -> None:
        """Stop listening; who waits still hears nothing more."""
        self._closed = True
        self._take_down()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
