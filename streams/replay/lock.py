"""Keeps a projection to one replay at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from infra.trouble import TroubleError
from streams.writer_lock import REPLAY_LOCK, FileLock

if TYPE_CHECKING:
    from pathlib import Path

BUILD_FILE = "build.lock"  # of the process that builds
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.05


class ReplayLock(FileLock):
    """Holds the lock from construction to `close`; raises TroubleError where another replay has it.

    The processes of a replay that was killed end a moment after it; until then their files are theirs.
    """

    def __init__(self, folder: Path, name: str = REPLAY_LOCK) -> None:
        give_up_at = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                super().__init__(folder / name)
            except TroubleError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(POLL_SECONDS)  # the kernel tells nobody when a lock is given back in time
            else:
                return
