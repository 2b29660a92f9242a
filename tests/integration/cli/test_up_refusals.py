"""What `murmur up` refuses, before it starts anything: one line, a remedy, exit code 2."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra import data_lock
from infra.data_lock import DataLock
from tests.waiting import BOUND_SECONDS

ROOT = Path(__file__).parents[3]


def up(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli", "up", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)


@pytest.mark.parametrize("name", ["commands", "query"])
def test_a_taken_port_is_named_with_its_remedy(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"commands": "0", "query": "0"} | {name: str(port)}
        ended = up("--data", tmp_path, "--commands-port", ports["commands"], "--query-port", ports["query"])
    assert ended.returncode == 2
    assert ended.stderr == (
        f"murmur: port {port} on 127.0.0.1 is taken by another program; "
        f"stop that one, or choose a port with --{name}-port\n"
    )


def test_a_data_folder_in_use_is_named_with_its_owner(tmp_path: Path) -> None:
    with DataLock(tmp_path, "murmur up"):
        ended = up("--data", tmp_path, "--commands-port", "0", "--query-port", "0")
    assert ended.returncode == 2
    assert "is in use by `murmur up` (pid " in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_impossible_data_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = up("--data", tmp_path / "file")
    assert ended.returncode == 2
    assert "cannot be written to" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_wrong_setting_is_named_with_its_variable() -> None:
    ended = up("--commands-port", "99999999")
    assert ended.returncode == 2
    assert "change MURMURATION_COMMANDS_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_lock_tells_who_has_it_and_goes_with_its_owner(tmp_path: Path) -> None:
    with DataLock(tmp_path, "murmur up", commands_port=8000):
        assert (data_lock.owner(tmp_path) or {})["commands_port"] == 8000
        assert data_lock.stale(tmp_path) is None
    assert data_lock.owner(tmp_path) is None
    assert data_lock.stale(tmp_path) is None


def test_a_file_of_a_dead_owner_is_stale(tmp_path: Path) -> None:
    (tmp_path / data_lock.LOCK_FILE).write_text('{"owner": "murmur up", "pid": 1}')
    assert data_lock.owner(tmp_path) is None
    assert (data_lock.stale(tmp_path) or {})["pid"] == 1
