"""Who is suspended is told why and until when, and asks for another look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.test_decisions import WHY, decide, reported
from tests.browser.test_safety import violations
from tests.browser.windows import PASSWORD, PHONE
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opening
    from tests.browser.windows import Window
    from tests.e2e.system import System

DAYS = 3
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


def refused(system: System, username: str) -> bool:
    """Whether a log-in is refused as the account is suspended."""
    body = {"username": username, "password": PASSWORD}
    answer = httpx.post(f"{system.commands}/api/v1/auth/login", json=body, timeout=60)
    return bool(answer.json().get("code") == "account_suspended")


def ends(days: int) -> str:
    """The days at which a suspension of now may end, as they are written: midnight may pass meanwhile."""
    now = datetime.now(UTC) + timedelta(days=days)
    return f"{now - timedelta(days=1):%Y-%m-%d} {now:%Y-%m-%d}"


def test_who_is_suspended_sees_why_at_the_log_in_appeals_and_comes_back(
    system: System, window: Opening, judges: Iterator[Window], name: Iterator[str]
) -> None:
    ann = next(name)
    case = reported(system, Poster(system, ann), "This goes too far", next(name))
    decide(next(judges).page, case, "suspend", days=DAYS)
    own = window(PHONE, color_scheme="dark")
    page = own.log_in(ann)
    alert = page.get_by_role("form", name="Log in").get_by_role("alert")
    expect(alert).to_contain_text(f"Why: {WHY}")
    assert alert.inner_text().partition("until ")[2][:10] in ends(DAYS)
    page.get_by_role("link", name="Appeal against it").click()
    expect(page.get_by_role("heading", name="Your account is suspended")).to_be_visible()
    expect(page.get_by_role("region", name=f"@{ann}")).to_contain_text(f"Why: {WHY}")
    assert violations(page, AXE) == {}
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    page.get_by_label("Why is it wrong?").fill("I was quoting a play")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_role("heading", name="Your appeal is sent")).to_be_visible()

    seen(page, ann)  # comes again by the address, and may not ask twice
    page.get_by_label("Why is it wrong?").fill("Once more")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_role("form", name="Appeal").get_by_role("alert")).not_to_be_empty()

    other = next(judges).page
    other.goto(f"/moderation?case={case}")
    expect(other.get_by_text("I was quoting a play")).to_be_visible()
    other.get_by_role("button", name="Take this case").click()
    other.get_by_label("The decision").select_option("Undo it")
    other.get_by_role("button", name="Answer the appeal").click()
    expect(other.get_by_text("It was undone.")).to_be_visible()
    until(lambda: not refused(system, ann))
    own.log_in(ann)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def seen(page: Page, username: str) -> None:
    """Open the page by its address, and log in to see why."""
    page.goto("/appeal")
    form = page.get_by_role("form", name="See why")
    assert violations(page, AXE) == {}
    form.get_by_label("Username").fill(username)
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="See why").click()
    expect(page.get_by_role("heading", name="Your account is suspended")).to_be_visible()


def test_a_suspension_ends_an_open_window_with_a_way_to_the_appeal(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann = next(name)
    own = window()
    page = own.sign_up(ann)
    own.tweet("My last words for now")
    expect(page.get_by_role("article")).to_be_visible()
    case = page.get_by_role("article").get_attribute("data-id")
    assert case is not None
    Poster(system, next(name)).send("POST", "/reports", {"tweet_id": case, "reason": "abuse"})
    decide(judge.page, case, "suspend")
    told = page.get_by_role("form", name="See why")  # where the stream tells first
    expect(told.or_(page.get_by_role("form", name="Log in"))).to_be_visible()  # or where the session is found ended
    if told.count() == 0:
        page.get_by_role("link", name="See why, and appeal").click()
        told.get_by_label("Username").fill(ann)
    expect(told.get_by_label("Username")).to_have_value(ann)
    told.get_by_label("Password").fill("not the password")
    told.get_by_role("button", name="See why").click()
    expect(told.get_by_role("alert")).to_contain_text("The username or the password is wrong")
    told.get_by_label("Password").fill(PASSWORD)
    told.get_by_role("button", name="See why").click()
    expect(page.get_by_role("region", name=f"@{ann}")).to_contain_text(f"suspended without an end. Why: {WHY}")

    decide(judge.page, case, "restore")
    until(lambda: not refused(system, ann))
    page.goto("/appeal")
    told.get_by_label("Username").fill(ann)
    told.get_by_label("Password").fill(PASSWORD)
    told.get_by_role("button", name="See why").click()
    expect(page.get_by_role("heading", name="Your account is not suspended")).to_be_visible()
