"""A process that makes exports and is killed: `python -m tests.integration.privacy.exporter <folder> <n> <quarters>`.

It kills itself before the n-th write or deletion in the object store; 0: never. Its clock is so many leases ahead, so
that nobody waits for those of the ones before it. Prints by how many bytes its memory had grown at its largest.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from commands.bootstrap import open_services
from commands.privacy.export import Exports
from commands.privacy.shelf import LEASE_MS, Shelf
from infra.clock import SystemClock
from infra.objects.directory import DirectoryObjects
from infra.settings import Settings

CHANGING = {"put", "put_new", "delete"}


class Ahead(SystemClock):
    """The time, and some leases more."""

    def __init__(self, leases: int) -> None:
        self._ahead_ms = leases * LEASE_MS

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms


class Deadly(DirectoryObjects):
    """The objects of a folder; before the n-th change the process is gone."""

    def __init__(self, folder: Path, dies_before: int) -> None:
        super().__init__(folder)
        self._left = dies_before

    def __getattribute__(self, name: str) -> Any:
        if name in CHANGING:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def _main(folder: Path, dies_before: int, leases: int, part_bytes: int) -> None:
    settings = Settings(data_dir=folder, argon2_memory_kib=8)
    services, close = open_services(settings, Ahead(leases))
    try:
        objects = Deadly(settings.objects_dir, dies_before)
        before = _peak()
        made = await Exports(services, Shelf(objects), objects, part_bytes).round()
        print(made, _peak() - before)  # noqa: T201 - its answer
    finally:
        close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
