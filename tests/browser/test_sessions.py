"""Where a session is, how it goes on, and how pages hear that it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.browser.windows import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opening
    from tests.e2e.system import System


def stored(page: Page) -> int:
    """How much this tab, or its browser, keeps where a script could find it."""
    return int(page.evaluate("sessionStorage.length + localStorage.length"))


def test_a_session_outlives_a_reload_and_ends_with_log_out(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    own = window()
    page = own.sign_up(ann)
    assert stored(page) == 0  # a copy of the tab would have the token
    page.reload()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    page.get_by_role("link", name="Trends", exact=True).click()
    page.get_by_role("link", name="Profile").click()
    expect(page.get_by_role("heading", name=ann.title())).to_be_visible()
    assert stored(page) == 0
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    assert stored(page) == 0
    assert own.context.cookies() == []
    own.log_in(ann)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_a_session_goes_on_when_its_token_has_expired(window: Opening, name: Iterator[str]) -> None:
    own = window()
    own.page.clock.install()
    page = own.sign_up(next(name))
    with page.expect_request(lambda request: request.url.endswith("/auth/refresh")):
        page.clock.fast_forward("14:45")  # fifteen minutes are a token's life; the stream was silent, and asks anew
    own.tweet("A quarter of an hour later")
    expect(page.get_by_role("article").filter(has_text="A quarter of an hour later")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_a_session_that_is_ended_elsewhere_ends_here_without_a_click(
    window: Opening, system: System, name: Iterator[str]
) -> None:
    own = window()
    tokens: list[str] = []
    own.context.on("request", lambda request: tokens.append(request.headers.get("authorization", "")))
    page = own.sign_up(next(name))
    expect(page.get_by_text("It is quiet here")).to_be_visible()
    token = next(it for it in reversed(tokens) if it)
    httpx.post(f"{system.commands}/api/v1/auth/logout", headers={"Authorization": token}, timeout=60).raise_for_status()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    assert stored(page) == 0


def test_two_tabs_of_one_browser_have_sessions_of_their_own(window: Opening, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    own = window()
    first = own.sign_up(ann)
    own.page = second = own.context.new_page()
    expect(own.open().get_by_role("form", name="Log in")).to_be_visible()
    own.sign_up(bob)
    for page, username in ((first, ann), (second, bob)):
        page.reload()
        expect(page.get_by_role("link", name="Profile")).to_have_attribute("href", f"/@{username}")


def test_a_wrong_password_opens_nothing(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    window().sign_up(ann)
    other = window()
    other.log_in(ann, PASSWORD.upper())
    expect(other.page.get_by_role("alert")).to_contain_text("The username or the password is wrong")
    other.open("/notifications")
    expect(other.page.get_by_role("form", name="Log in")).to_be_visible()
