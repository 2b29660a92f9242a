"""Windows of a real browser on the pages, which keep account of what nobody may see: errors, and requests elsewhere."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import FLAGS, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

PASSWORD = "a long password"
DESK = (1280, 860)
PHONE = (390, 844)
PATIENCE_MS = 30_000  # on a busy machine; nothing waits as long where it works
REFUSED = "Failed to load resource"  # the browser's own line about an answer of 400 or more


@contextmanager
def browser(**more: str) -> Iterator[Browser]:
    """A Chromium without windows; `more` is for its environment."""
    found = chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        environment: Any = {**os.environ, **found.environment, **more}
        opened = playwright.chromium.launch(executable_path=found.program, args=FLAGS, env=environment)
        try:
            yield opened
        finally:
            opened.close()


class Origins(Protocol):
    """Where the pages and both APIs are."""

    @property
    def query(self) -> str: ...

    @property
    def commands(self) -> str: ...


class Window:
    """One person's browser: a context of its own, with one page."""

    def __init__(self, opened: Browser, system: Origins, size: tuple[int, int] = DESK, **options: Any) -> None:
        self.system = system
        viewport: Any = {"width": size[0], "height": size[1]}
        self.context: BrowserContext = opened.new_context(base_url=system.query, viewport=viewport, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_line)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page: Page = self.context.new_page()

    def _note_request(self, request: Request) -> None:
        ours = {urlsplit(url).netloc for url in (self.system.query, self.system.commands)}
        if urlsplit(request.url).netloc not in ours:
            self.foreign.append(request.url)

    def _note_line(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"} and REFUSED not in line.text:
            self.errors.append(line.text)

    def open(self, path: str = "/") -> Page:
        """Go to a page."""
        self.page.goto(path)
        return self.page

    def sign_up(self, username: str, name: str = "") -> Page:
        """Open an account by the form."""
        page = self.open()
        form = page.get_by_role("form", name="Sign up")
        form.get_by_label("Username").fill(username)
        form.get_by_label("Name to show").fill(name or username.title())
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("heading", name="Home")).to_be_visible()
        return page

    def log_in(self, username: str, password: str = PASSWORD) -> Page:
        """Open a session by the form."""
        page = self.open()
        form = page.get_by_role("form", name="Log in")
        form.get_by_label("Username").fill(username)
        form.get_by_label("Password").fill(password)
        form.get_by_role("button", name="Log in").click()
        return page

    def tweet(self, text: str) -> None:
        """Write and send, at home."""
        self.page.get_by_role("textbox", name="What is going on?").fill(text)
        self.page.get_by_role("button", name="Tweet", exact=True).click()

    def close(self) -> None:
        """Close; fails where something was seen that nobody may see."""
        self.context.close()
        assert self.errors == []
        assert self.foreign == []
