"""The pages in a real browser, over a whole system that runs for the session."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.windows import Window, browser
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_serial = itertools.count(1)
MODERATORS = ("judge_one", "judge_two")


class Opening(Protocol):
    """Opens a window, which is closed and judged when the test ends."""

    def __call__(self, size: tuple[int, int] = ..., **options: Any) -> Window: ...


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything, on files; two people are enough for a trend."""
    with System(tmp_path_factory.mktemp("pages") / "data", trends_minimum_authors="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for all tests of a module: it must be gone before others run event loops of their own."""
    with browser() as opened:
        yield opened


@pytest.fixture
def window(chromium: Browser, system: System) -> Iterator[Opening]:
    """Windows of people who do not know of each other."""
    opened: list[Window] = []

    def opening(size: tuple[int, int] = (1280, 860), **options: Any) -> Window:
        opened.append(Window(chromium, system, size, **options))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


@pytest.fixture
def name() -> Iterator[Any]:
    """Makes usernames that nobody else has."""
    return iter(f"person_{number}" for number in _serial)


@pytest.fixture(scope="session")
def moderators(system: System) -> tuple[str, ...]:
    """Two people who were made moderators."""
    for username in MODERATORS:
        Poster(system, username)
        done = system.murmur("users", "promote", username)
        assert done.returncode == 0, done.stderr
    return MODERATORS


@pytest.fixture
def judges(window: Opening, moderators: tuple[str, ...]) -> Iterator[Window]:
    """Windows of moderators who have logged in; each of another one."""
    return (_judging(window(), username) for username in moderators)


def _judging(own: Window, username: str) -> Window:
    own.log_in(username)
    expect(own.page.get_by_role("link", name="Moderation")).to_be_visible()
    return own


@pytest.fixture
def judge(judges: Iterator[Window]) -> Window:
    """The first of them."""
    return next(judges)
