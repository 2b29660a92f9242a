"""Keeps each version of each server's software once per machine: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers.server import Server


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock that goes with its process; waits for whoever has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def software(server: Server, cache: Path) -> Path:
    """Return the folder of the server's software, fetched first where this machine has not got it."""
    folder = folder_of(server, cache)
    if folder.exists():
        return folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _fetch(server, folder)
    return folder


def folder_of(server: Server, cache: Path) -> Path:
    """Return where the server's software is, or will be."""
    return cache.expanduser().absolute() / f"{server.name}-{server.version}"


def _fetch(server: Server, folder: Path) -> None:
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        server.fetch(part)
        part.chmod(0o755)
        os.rename(part, folder)  # noqa: PTH104 - Path.rename says no more
    finally:
        shutil.rmtree(part, ignore_errors=True)
