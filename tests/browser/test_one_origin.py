"""Behind a proxy pages and both APIs are one origin: reads go to the query API, everything else to the command API."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.windows import Window
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

OWN = {"connection", "content-length", "date", "host", "transfer-encoding"}


class Origin(NamedTuple):
    """Where both APIs are."""

    query: str
    commands: str


@contextmanager
def proxy(system: System) -> Iterator[Origin]:
    """A proxy that passes on what comes, as it comes."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            to = system.query if self.command in {"GET", "HEAD"} else system.commands
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with httpx.stream(self.command, to + self.path, headers=headers, content=body, timeout=60) as answer:
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in OWN:
                        self.send_header(name, value)
                self.end_headers()
                for part in answer.iter_raw():
                    self.wfile.write(part)

        do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A browser that goes away is no error."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Origin(url, url)
        server.shutdown()


@pytest.fixture
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """A system behind a proxy."""
    with System(tmp_path_factory.mktemp("proxied") / "data", public_commands_url="/") as system, proxy(system) as made:
        yield made


def test_pages_work_behind_a_proxy_with_one_origin(chromium: Browser, origin: Origin) -> None:
    author, reader = Window(chromium, origin), Window(chromium, origin)
    author.sign_up("ann", "Ann")
    page = reader.sign_up("bob", "Bob")
    page.goto("/@ann")
    page.get_by_role("button", name="Follow", exact=True).click()
    page.goto("/")
    expect(page.get_by_text("It is quiet here")).to_be_visible()
    author.tweet("All through one door")
    expect(page.get_by_role("article").filter(has_text="All through one door")).to_be_visible()
    author.close()
    reader.close()
