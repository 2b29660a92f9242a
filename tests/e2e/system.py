"""The whole system as its users run it: real processes on a data folder of their own, reached over HTTP only."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
READY_SECONDS = 40.0
CAUGHT_UP_SECONDS = 60.0
PROCESSES = {"commands": "commands", "streams": "streams", "query": "query_api"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children_of(pid: int) -> dict[str, int]:
    """Module name → pid of the processes that a supervisor has now."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        for name, module in PROCESSES.items():
            if module.encode() in command:
                found[name] = int(child)
    return found


class System:
    """`murmur up --no-demo` on free ports; use as a context manager."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.commands_port, self.query_port = free_port(), free_port()
        self._environment = {
            **os.environ,
            "MURMURATION_RATE_LIMITS": "off",
            "MURMURATION_ARGON2_MEMORY_KIB": "64",
            **{f"MURMURATION_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def commands(self) -> str:
        return f"http://127.0.0.1:{self.commands_port}"

    @property
    def query(self) -> str:
        return f"http://127.0.0.1:{self.query_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def murmur(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command line on this data folder."""
        command = [sys.executable, "-m", "infra.cli", *arguments, "--data", str(self.data)]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self) -> Self:
        command = [sys.executable, "-m", "infra.cli", "up", "--no-demo", "--data", str(self.data)]
        command += ["--commands-port", str(self.commands_port), "--query-port", str(self.query_port)]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.out").open("ab") as out:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=out, stderr=out)
        self.wait_until_ready()
        return self

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def kill(self, name: str) -> int | None:
        """kill -9 one of the processes and return its pid, or None where it is down already."""
        pid = children_of(self.pid).get(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: all(self._answers(base) for base in (self.commands, self.query)), READY_SECONDS)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return as soon as the condition holds; fail where it does not in time, or the system has ended."""

        def looked() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self.data / "up.out").read_text()
            return condition()

        until(looked, seconds)

    @staticmethod
    def _answers(base: str) -> bool:
        try:
            return httpx.get(f"{base}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_until_caught_up(self) -> None:
        """Wait until every projection has applied the whole log."""
        self.wait_for(lambda: self.lag() == 0, CAUGHT_UP_SECONDS)

    def lag(self) -> int:
        """Events that some projection has not applied."""
        answer = httpx.get(f"{self.query}/projections", timeout=5)
        if answer.status_code != httpx.codes.OK:
            return -1
        return sum(projection["lag_events"] for projection in answer.json()["projections"])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


class Person:
    """An account and its HTTP clients."""

    def __init__(self, system: System, answer: dict[str, Any]) -> None:
        self._system = system
        self.user_id: str = answer["user"]["user_id"]
        self.username: str = answer["user"]["username"]
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}
        self.last_token = ""

    @classmethod
    async def register(cls, system: System, client: httpx.AsyncClient, username: str) -> Self:
        body = {"username": username, "password": "a long password"}
        answer = await client.post(f"{system.commands}/api/v1/auth/register", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return cls(system, answer.json())

    async def command(self, client: httpx.AsyncClient, method: str, path: str, **body: Any) -> httpx.Response:
        """Send a command once; remembers the consistency token of the answer."""
        url = f"{self._system.commands}/api/v1{path}"
        answer = await client.request(method, url, json=body or None, headers=self.headers)
        self.last_token = answer.headers.get("X-Consistency-Token", self.last_token)
        return answer

    async def surely(self, client: httpx.AsyncClient, method: str, path: str, key: str, **body: Any) -> httpx.Response:
        """Send a command until it is answered, under one Idempotency-Key, as a client does whose server may die."""
        url = f"{self._system.commands}/api/v1{path}"
        headers = {**self.headers, "Idempotency-Key": key}
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                answer = await client.request(method, url, json=body or None, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # the server is down: let its supervisor have the processor
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
        raise TimeoutError(f"{method} {path} was not answered within {READY_SECONDS} s")

    async def read(self, client: httpx.AsyncClient, path: str, token: str = "", **params: Any) -> dict[str, Any]:
        """GET from the query API."""
        headers = {**self.headers, "X-Consistency-Token": token} if token else self.headers
        answer = await client.get(f"{self._system.query}/api/v1{path}", params=params, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def read_all(self, client: httpx.AsyncClient, path: str, limit: int = 200) -> list[list[dict[str, Any]]]:
        """All pages of a list of tweets."""
        pages, max_id = [], None
        while True:
            page = await self.read(client, path, limit=limit, **({"max_id": max_id} if max_id else {}))
            pages.append(page["tweets"])
            if not page["has_more"]:
                return pages
            max_id = page["next_max_id"]
