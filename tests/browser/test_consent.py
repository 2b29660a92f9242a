"""The page on which an owner lets an app in: by keyboard and without scripts, for everybody, and for no other site."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.test_safety import violations
from tests.browser.windows import DESK, PASSWORD, PHONE
from tests.oauth_world import OAUTH, pkce
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

    from tests.browser.conftest import Opening
    from tests.browser.windows import Window
    from tests.e2e.system import System

CALLBACK = "http://127.0.0.1:9/callback"
NAME = "Starling & <b>Söhne</b>"


class Asking(NamedTuple):
    """An app that wants to be let in by somebody."""

    system: System
    client_id: str
    username: str
    verifier: str
    url: str

    def redeem(self, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        answer = httpx.post(f"{self.system.commands}{OAUTH}/token", data=form, timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def asking(system: System, name: Iterator[str]) -> Asking:
    username = next(name)
    owner, log_in = Poster(system, username), {"username": username, "password": PASSWORD}
    url = f"{system.commands}/api/v1/auth/login"
    until(lambda: httpx.post(url, json=log_in, timeout=60).is_success)  # it is projected
    body = {"name": NAME, "redirect_uris": [CALLBACK]}
    answer = httpx.post(f"{system.commands}{OAUTH}/apps", json=body, headers=owner.headers, timeout=60)
    client_id, proof = answer.json()["client_id"], pkce()
    params = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": "read follow",
        "state": "from here",
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
    }
    return Asking(
        system, client_id, username, proof.verifier, f"{system.commands}{OAUTH}/authorize?{urlencode(params)}"
    )


def opened(own: Window, asking: Asking) -> Page:
    """The page, in a window in which the app is there to be sent back to."""

    def answer(route: Route) -> None:
        route.fulfill(body="You are back at the app.", content_type="text/plain")

    own.context.route(f"{CALLBACK}*", answer)
    return own.open(asking.url)


def sent_back(own: Window) -> dict[str, str]:
    """What the app was told, once the browser is there: the one place elsewhere that it went to."""
    expect(own.page.get_by_text("You are back at the app.")).to_be_visible()
    assert set(own.foreign) == {own.page.url}
    own.foreign.clear()
    return dict(parse_qsl(urlsplit(own.page.url).query))


def test_an_app_is_let_in_by_keyboard_and_without_scripts(window: Opening, asking: Asking) -> None:
    own = window(java_script_enabled=False)
    page = opened(own, asking)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Allow {NAME} to use your account?")
    expect(page.get_by_role("list")).to_contain_text("Follow, block and mute in your name")
    expect(page.get_by_text("127.0.0.1:9")).to_be_visible()
    expect(page.get_by_text(f"@{asking.username}")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type(asking.username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    told = sent_back(own)
    assert (told["state"], told["iss"]) == ("from here", asking.system.commands)
    assert asking.redeem(told["code"])["scope"] == "follow read"


def test_who_does_not_want_it_says_so_without_a_password(window: Opening, asking: Asking) -> None:
    own = window()
    opened(own, asking).get_by_role("button", name="Deny").click()
    told = sent_back(own)
    assert (told["error"], "code" in told) == ("access_denied", False)


def test_a_wrong_password_is_said_and_the_name_is_kept(window: Opening, asking: Asking) -> None:
    own = window()
    page = opened(own, asking)
    page.get_by_label("Username").fill(asking.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("alert")).to_contain_text("The username or the password is wrong")
    expect(page.get_by_label("Username")).to_have_value(asking.username)
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Allow").click()
    assert "code" in sent_back(own)


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_the_page_is_accessible_and_fits(window: Opening, asking: Asking, size: tuple[int, int], scheme: str) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    page = opened(window(size, color_scheme=scheme), asking)
    for url in (asking.url, asking.url + "&response_mode=x", asking.url.replace("client_id", "nobody")):
        page.goto(url)
        assert violations(page, axe) == {}, url
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
        assert page.evaluate("document.styleSheets.length") == 1
        assert page.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth") == "1px"


def test_no_other_page_can_frame_it_or_press_its_button(window: Opening, asking: Asking) -> None:
    own = window()
    elsewhere = "http://127.0.0.1:9/evil"
    form = f"<form method=post action='{asking.url}'><input name=decision value=allow><button>Win</button></form>"
    evil = f"<iframe src='{asking.url}'></iframe>{form}"
    own.context.route(elsewhere, lambda route: route.fulfill(body=evil, content_type="text/html"))
    page = own.open(elsewhere)
    framed = page.frames[1]
    assert framed.get_by_role("button").count() == 0
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_text("sent by another site")).to_be_visible()
    assert own.foreign == [elsewhere]
    own.foreign.clear()
    assert all("frame" in error for error in own.errors), own.errors  # the browser says what it did not show
    own.errors.clear()
