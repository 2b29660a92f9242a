"""A process of this machine, known by its id and the moment of its birth, so that another with its id is never meant.

Linux only: everything is asked of /proc and of pidfds.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
GONE_SECONDS = 10.0  # what is killed goes at once, unless the disk holds it up
_LISTEN = "0A"  # state of a listening socket in /proc/net/tcp


class Process(NamedTuple):
    """The leader of a process group of its own; `born` is in clock ticks since the machine's start."""

    pid: int
    born: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that has the id now; raises ProcessLookupError where there is none."""
        stat = _stat(pid)
        if stat is None:
            raise ProcessLookupError(pid)
        return cls(pid, int(stat[19]))

    def alive(self) -> bool:
        """Tell whether any of its threads runs: one that only waits to be reaped does not."""
        return not self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, no longer than that; tell whether it has ended."""
        stat = _stat(self.pid)
        if stat is None or int(stat[19]) != self.born:
            return True
        try:
            watch = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # The state in /proc is that of the first thread, which may be gone while others still hold the ports.
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(watch)

    def send(self, number: signal.Signals) -> None:
        """Signal it, where it is still the one that is meant."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and its group at once, and wait until all are gone."""
        members = self._members()
        for member in members:
            member.send(signal.SIGKILL)
        for member in members:
            member.wait(GONE_SECONDS)

    def stop(self, seconds: float) -> bool:
        """Ask it to stop, kill after the bound what of its group is left; tell whether all stopped by itself."""
        members = self._members()
        self.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        left = [member for member in members if not member.wait(max(0.0, deadline - time.monotonic()))]
        for member in left:
            member.send(signal.SIGKILL)
        for member in left:
            member.wait(GONE_SECONDS)
        return not left

    def _members(self) -> list[Process]:
        if not self.alive():
            return []
        members = []
        for pid in _group(self.pid):
            with suppress(ProcessLookupError):
                members.append(Process.of(pid))
        return members

    def listens(self, port: int) -> bool:
        """Tell whether it, or a process of its group, listens on the loopback port."""
        inodes = _listeners(port)
        return bool(inodes) and any(inodes & _sockets(pid) for pid in _group(self.pid))

    def memory(self) -> int:
        """Return the resident bytes of its group."""
        return sum(_resident(pid) for pid in _group(self.pid))


def _stat(pid: int) -> list[str] | None:
    """Return the fields from the state on (fields 3 and up of proc(5)); None where there is no such process."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _group(leader: int) -> list[int]:
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) is not None and int(stat[2]) == leader]


def _listeners(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):  # a JVM listens on the loopback address by its IPv6 form
        for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):  # it may end while it is looked at
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
