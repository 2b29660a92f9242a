"""Schemathesis over both OpenAPI documents against the running system: no 5xx, nothing that is not documented."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

CASES_PER_OPERATION = int(os.environ.get("MURMURATION_FUZZ_CASES", "25"))
SECONDS = 900
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

ENDLESS = "^/api/v1/stream$"  # its answers have no end; tests/integration/live sends it what is wrong
LOGS_OUT = "^/api/v1/(auth/logout|users/me/sessions)$"
OF_PROJECTIONS = {"search": "^/api/v1/search/", "trends": "^/api/v1/trends"}


@pytest.fixture(scope="module")
def system(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with starting(
        tmp_path_factory.mktemp("fuzzed") / "data", access_token_minutes="600", push_contact="mailto:a@b.example"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def token(system: System) -> str:
    body = {"username": "fuzzy", "password": "a long password"}
    answer = httpx.post(f"{system.commands}/api/v1/auth/register", json=body, timeout=60)
    url, headers = f"{system.commands}/api/v1/tweets", {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.post(url, json={"content": "hello"}, headers=headers, timeout=60).status_code == httpx.codes.CREATED
    bearer: str = answer.json()["access_token"]
    return bearer


def not_kept(system: System) -> list[str]:
    """The paths of queries over projections that this system does not keep: not_kept is all that they say."""
    kept = {it["projection"] for it in httpx.get(f"{system.query}/projections", timeout=60).json()["projections"]}
    return [path for projection, path in OF_PROJECTIONS.items() if projection not in kept]


@pytest.mark.parametrize("api", ["commands", "query"])
def test_no_request_brings_a_server_error_or_an_undocumented_answer(
    system: System, token: str, api: str, tmp_path: Path
) -> None:
    base: str = getattr(system, api)
    command = [str(Path(sys.executable).parent / "st"), "run", f"{base}/openapi.json", "--no-color"]
    command += ["--header", f"Authorization: Bearer {token}", "--checks", CHECKS, "--seed", "1"]
    command += ["--max-examples", str(CASES_PER_OPERATION), "--phases", "examples,coverage,fuzzing"]
    command += ["--warnings", "off", "--request-timeout", "60"]
    excluded = [ENDLESS, *not_kept(system)] if api == "query" else [LOGS_OUT]
    command += ["--exclude-path-regex", "|".join(excluded)]  # one: of several the last counts
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
