"""What is installed is what was locked, is known by its hash, and is no version that is known to be bad."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import orjson
import pytest

from infra import audit
from infra.audit import LOCKS, Pin, pins

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FLOORS = {
    "aiohttp": "3.13.3",  # request smuggling, bombs in compressed bodies
    "cryptography": "46",
    "h11": "0.16",  # CVE-2025-43859: chunked bodies read otherwise than proxies read them
    "httptools": "0.6",
    "jinja2": "3.1.6",  # CVE-2025-27516: out of the sandbox
    "orjson": "3.11",
    "pyjwt": "2.12",  # unknown `crit` headers were accepted
    "python-multipart": "0.0.22",  # a file was written where the caller said
    "pillow": "12.1.1",  # a write out of bounds by a PSD
    "requests": "2.32.4",
    "setuptools": "78.1.1",
    "starlette": "0.49.1",  # CVE-2025-62727: quadratic time by Range headers
    "urllib3": "2.6.3",  # bombs in compressed answers
    "uvicorn": "0.38",
    "websockets": "15",
}
"""Least versions, where the package is locked at all."""


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+", maxsplit=1)[0])[:4])


def locked() -> list[Pin]:
    return pins((ROOT / name).read_text() for name in LOCKS)


def test_no_locked_package_is_below_its_floor() -> None:
    found = {pin.name: pin.version for pin in locked()}
    low = {name: found[name] for name in FLOORS if name in found and numbers(found[name]) < numbers(FLOORS[name])}
    assert low == {}
    assert {"starlette", "pyjwt", "cryptography"} <= set(found)


def test_the_floors_of_what_we_ask_for_ourselves_are_in_pyproject() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for name in ("starlette", "pyjwt"):
        asked = re.search(rf'"{name}>=([0-9.]+)"', text)
        assert asked is not None, name
        assert numbers(asked[1]) >= numbers(FLOORS[name])


def test_sqlite_is_no_version_that_corrupts_a_wal_file() -> None:
    assert numbers(apsw.sqlite_lib_version()) >= (3, 51, 3)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_known_by_its_hash(name: str) -> None:
    text = (ROOT / name).read_text()
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text))
    assert [block.split("==")[0] for block in blocks if block.strip() and "--hash=sha256:" not in block] == []


@contextmanager
def service(answer: Any, status: int = 200) -> Iterator[str]:
    """What OSV would say, on a port of our own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            body = orjson.dumps({"results": [answer(query) for query in asked]})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            serving.join()


def test_what_is_known_of_a_package_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        return {"vulns": [{"id": "GHSA-x"}]} if query["package"]["name"] == "pyjwt" else {}

    with service(answer) as url:
        assert audit.main(url) == 1
    told = capsys.readouterr().err
    assert "audit: pyjwt" in told
    assert "GHSA-x" in told
    with service(lambda _: {}) as url:
        assert audit.main(url) == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://nowhere.invalid/"])
def test_without_a_network_the_check_says_so_and_goes_on(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(url) == 0
    assert "packages were not looked up" in capsys.readouterr().err


def test_an_answer_that_is_none_is_told_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with service(lambda _: {}, status=503) as url:
        assert audit.main(url) == 0
    assert "cannot be asked" in capsys.readouterr().err
