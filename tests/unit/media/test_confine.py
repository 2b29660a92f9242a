"""What a confined process can still do: compute, and use what it holds."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.media.confine import can_filter, confine

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED, DONE, OTHER = 7, 8, 9
NOWHERE = Path("/nowhere/at-all")
"""Outside of the filter the answer would be that it is not there, which is another one."""


def outcome(attempt: Callable[[], Any]) -> int:
    """The exit code of a confined child that tries something."""
    child = os.fork()
    if not child:
        code = OTHER
        try:
            confine(cpu_seconds=5, file_bytes=1 << 20)
            attempt()
            code = DONE
        except PermissionError:
            code = REFUSED
        except BaseException:  # noqa: BLE001 - the child must not run on
            code = OTHER
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.open(NOWHERE, os.O_WRONLY | os.O_CREAT),
        lambda: list(NOWHERE.iterdir()),
        NOWHERE.unlink,
        lambda: NOWHERE.rename("/nowhere/else"),
        NOWHERE.mkdir,
        lambda: NOWHERE.chmod(0o600),
        NOWHERE.stat,
        socket.socket,
        socket.socketpair,
        os.fork,
        lambda: os.execv("/nowhere/at", ["all"]),  # noqa: S606 - it is refused
        lambda: os.kill(os.getppid(), 0),
        lambda: os.setuid(0),
    ],
)
def test_files_sockets_and_processes_are_out_of_reach(attempt: Callable[[], Any]) -> None:
    assert can_filter()
    assert outcome(attempt) == REFUSED


def test_what_it_holds_can_be_read_and_written(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        descriptor = file.fileno()
        assert outcome(lambda: os.write(descriptor, b"x" * 100)) == DONE
        assert os.fstat(descriptor).st_size == 100


def test_memory_and_time_end() -> None:
    assert outcome(lambda: bytearray(2 << 30)) == OTHER, "MemoryError"
    assert sys.platform == "linux"
