"""Gives way: what rebuilds and compares beside a system that answers people takes the processors that nobody wants.

On Linux a process that gives way as far as can be (MOST) is of the policy SCHED_IDLE: whoever else wakes takes the
processor from it at once, where a merely nice process would have its slice first. Both are handed on to what a
process becomes or starts, and cannot be taken back without privileges.

Linux shares processors out between sessions before it does between processes (sched_autogroup_enabled), and each
process of `murmur up` has a session of its own: there, a nice process of another session gets as much as any of them.
So what is started to do the work has a session of its own as well, and that one is made nice. In a container, or under
a service manager, there are no such groups.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

MOST = 19
AUTOGROUP = "/proc/{pid}/autogroup"
ATTEMPTS, AGAIN_SECONDS = 10, 0.1  # the kernel takes one such write in a tenth of a second


def give_way(nice: int) -> None:
    """Let other processes go first, from 0 (not at all) to MOST: where nobody else wants a processor.

    The session as well, where this process began it, as one of cron's does; a terminal's is left as it is.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        give_way_as_session(os.getpid(), nice)
    if nice >= MOST and hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def give_way_as_session(pid: int, nice: int) -> None:
    """Let other sessions go before that of a process, where the kernel makes groups of them."""
    with suppress(OSError):  # no such groups, or the process has ended already
        for _ in range(ATTEMPTS):
            try:
                Path(AUTOGROUP.format(pid=pid)).write_text(str(nice))
            except BlockingIOError:
                time.sleep(AGAIN_SECONDS)  # another one was made so just now
            else:
                return
