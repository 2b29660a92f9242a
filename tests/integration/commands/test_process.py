"""The command process as its operator meets it: it tells its port, drains when told to stop, and prints tokens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from commands.app import create_app
from tests.command_world import command_world

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
WAIT_S = 60


class Running(NamedTuple):
    process: subprocess.Popen[str]
    url: str
    environment: dict[str, str]


@contextmanager
def commands(folder: Path, **more: str) -> Iterator[Running]:
    settings = {"DATA_DIR": str(folder), "COMMANDS_PORT": "0", "ARGON2_MEMORY_KIB": "8", "LOG_LEVEL": "INFO", **more}
    environment = {**os.environ, **{f"MURMURATION_{name}": value for name, value in settings.items()}}
    arguments = [sys.executable, "-m", "commands"]
    with (
        (folder / "stderr").open("w") as log,
        subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield Running(process, json.loads(process.stdout.readline())["listening"], environment)
        finally:
            process.kill()


async def register(running: Running) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=running.url, timeout=WAIT_S) as client:
        body = {"username": "ada", "password": "correct horse"}
        answer = await client.post("/api/v1/auth/register", json=body)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_lets_running_requests_end_and_is_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    with commands(tmp_path) as running:
        announced = json.loads((tmp_path / "run" / "commands.json").read_text())
        assert announced["listening"] == running.url
        assert announced["pid"] == running.process.pid
        headers = await register(running)
        async with httpx.AsyncClient(base_url=running.url, timeout=WAIT_S) as client:
            posts = [
                asyncio.create_task(client.post("/api/v1/tweets", json={"content": f"{it}"}, headers=headers))
                for it in range(50)
            ]
            await posts[0]
            running.process.send_signal(number)
            outcomes = await asyncio.gather(*posts, return_exceptions=True)
        assert await asyncio.to_thread(running.process.wait, WAIT_S) == 0
        done = [it.status_code for it in outcomes if isinstance(it, httpx.Response)]
        assert done
        assert set(done) == {201}
        assert all(isinstance(it, httpx.Response | httpx.TransportError) for it in outcomes)
        assert not (tmp_path / "run" / "commands.json").exists()
    lines = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    assert {line["message"] for line in lines} >= {"request", "listening"}
    assert "correct horse" not in str(lines)
    assert headers["Authorization"].split()[1] not in str(lines)


async def test_an_operator_gets_a_token_of_an_account_that_exists(tmp_path: Path) -> None:
    with commands(tmp_path) as running:
        await register(running)

        def token(name: str) -> subprocess.CompletedProcess[str]:
            arguments = [sys.executable, "-m", "commands", "token", name, "--minutes", "5"]
            return subprocess.run(
                arguments,
                cwd=ROOT,
                env=running.environment,
                capture_output=True,
                text=True,
                timeout=WAIT_S,
                check=False,
            )

        printed = await asyncio.to_thread(token, "ADA")
        assert printed.returncode == 0
        async with httpx.AsyncClient(base_url=running.url, timeout=WAIT_S) as client:
            headers = {"Authorization": f"Bearer {printed.stdout.strip()}"}
            assert (await client.post("/api/v1/tweets", json={"content": "x"}, headers=headers)).status_code == 201
        nobody = await asyncio.to_thread(token, "eve")
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert "eve" in nobody.stderr


def test_a_taken_port_is_an_error_and_not_a_silence(tmp_path: Path) -> None:
    with commands(tmp_path) as running:
        port = running.url.rsplit(":", 1)[1]
        environment = {**running.environment, "MURMURATION_COMMANDS_PORT": port}
        arguments = [sys.executable, "-m", "commands"]
        second = subprocess.run(
            arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        assert second.returncode == 2
        assert "in use" in second.stderr
        assert "Traceback" not in second.stderr


async def test_a_local_caller_who_forges_its_address_is_limited_all_the_same(tmp_path: Path) -> None:
    with commands(tmp_path, RATE_LIMIT_AUTH_PER_MINUTE="2") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=WAIT_S) as client:
            told = [
                await client.post("/api/v1/auth/login", json={}, headers={"X-Forwarded-For": f"198.51.100.{it}"})
                for it in range(4)
            ]
        assert [answer.status_code for answer in told] == [400, 400, 429, 429]


async def test_a_process_whose_log_has_failed_for_good_stops_as_if_told_to(tmp_path: Path) -> None:
    reasons = [None, "the producer has failed for good"]
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    try:
        async with command_world(tmp_path) as world:
            app = create_app(replace(world.services, broken=lambda: reasons.pop(0)))
            async with app.router.lifespan_context(app):
                await asyncio.wait_for(told.wait(), WAIT_S)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    assert reasons == []
