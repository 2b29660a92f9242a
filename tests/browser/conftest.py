"""The pages in a real browser, over a whole system that runs for the session."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.browser.windows import Window, browser
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_serial = itertools.count(1)


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
