"""`murmur up` with the real processes: a first start with the demo, deaths of its parts and its own, a clean stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.doctor import Limits, examine
from infra.settings import Settings
from infra.status import status
from tests.ports import free_port
from tests.waiting import BOUND_SECONDS, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Up:
    """`murmur up` as a process."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self.settings = settings
        self.said = settings.data_dir.with_suffix(".out")
        self.process = self.start(*arguments)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        ports = [f"--commands-port={self.settings.commands_port}", f"--query-port={self.settings.query_port}"]
        command = [sys.executable, "-m", "infra.cli", "up", f"--data={self.settings.data_dir}", *ports, *arguments]
        environment = {**os.environ, "MURMURATION_ARGON2_MEMORY_KIB": "64"}
        with self.said.open("wb") as said:
            return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=said)

    def until_up(self) -> str:
        until(lambda: "Paste this" in self.said.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said.read_text()
        return self.said.read_text()

    def pids(self) -> dict[str, int]:
        found: dict[str, Any] = status(self.settings)
        return {process["name"]: process["pid"] for process in found["processes"]}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    settings = Settings(data_dir=tmp_path / "data", commands_port=free_port(), query_port=free_port())
    running = Up(settings, "--demo")
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(BOUND_SECONDS)


def home(up: Up, token: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{up.settings.query_port}/api/v1/timeline/home?limit=20"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert answer.status_code == httpx.codes.OK, answer.text
    tweets: list[dict[str, Any]] = answer.json()["tweets"]
    return tweets


def test_the_first_page_is_full_and_a_dead_part_comes_back(up: Up) -> None:
    said = up.until_up()
    token = re.search(r"TOKEN='(.+)'", said)
    assert token
    until(lambda: len(home(up, token[1])) == 20)
    assert [check for check in examine(up.settings, quick=False, limits=Limits(free_bytes=0)) if not check.ok] == []
    before = up.pids()
    assert set(before) == {"commands", "streams", "query", "demo"}
    for name in ("streams", "commands"):
        os.kill(before[name], signal.SIGKILL)
    until(lambda: len([pid for pid in up.pids().values() if alive(pid)]) == len(before) and up.pids() != before)
    until(lambda: all(api["ready"] for api in status(up.settings)["apis"]))
    assert "streams ended by SIGKILL; starting it again in" in up.said.read_text()
    up.process.terminate()
    assert up.process.wait(BOUND_SECONDS) == 0
    assert not [pid for pid in up.pids().values() if alive(pid)]


def test_killed_itself_it_leaves_nothing_behind_and_starts_again(up: Up) -> None:
    up.until_up()
    pids = up.pids()
    up.process.kill()
    up.process.wait(BOUND_SECONDS)
    until(lambda: not [pid for pid in pids.values() if alive(pid)])
    up.process = up.start("--demo")
    token = re.search(r"TOKEN='(.+)'", up.until_up())
    assert token
    until(lambda: home(up, token[1]))
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(BOUND_SECONDS) == 0
    assert (up.settings.data_dir / "up.lock").read_bytes() == b""
