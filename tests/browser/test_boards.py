"""The trend board and the pipeline board, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.windows import PHONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Opening
    from tests.e2e.system import System


def test_a_tag_rises_on_the_board_while_one_watches(window: Opening, system: System, name: Iterator[str]) -> None:
    for _ in range(4):
        Poster(system, next(name)).post("All talk about #bread")
    page = window().open("/trends")
    ranking = page.get_by_role("region", name="Ranking").get_by_role("listitem")
    first = ranking.first
    expect(first).to_contain_text("#bread")
    page.evaluate("window.neverReloaded = true")
    for _ in range(6):
        Poster(system, next(name)).post("No, about #butter")
    expect(first).to_contain_text("#butter", timeout=30_000)  # a board is kept for five seconds
    expect(first).to_contain_text("6 people")
    expect(first.get_by_role("img")).to_have_attribute("aria-label", re.compile("6$"))
    assert page.evaluate("window.neverReloaded")

    first.get_by_role("link").click()
    detail = page.get_by_role("region", name="Topic")
    expect(detail.get_by_role("heading", name="#butter")).to_be_visible()
    expect(detail.get_by_role("img")).to_have_attribute("aria-label", re.compile("People who used #butter"))
    expect(detail.get_by_role("article")).to_have_count(5)
    detail.get_by_text("The numbers").click()
    expect(detail.get_by_role("row").last).to_contain_text(re.compile(r"6\D*0\.5\D*6$"))
    page.reload()
    expect(detail.get_by_role("heading", name="#butter")).to_be_visible()  # its address can be kept
    page.go_back()
    expect(page.get_by_text("Choose a topic")).to_be_visible()


def test_places_have_boards_of_their_own(window: Opening) -> None:
    page = window().open("/trends")
    page.get_by_role("combobox", name="Place").select_option(label="Peru")
    expect(page.get_by_text("Nothing trends here just now")).to_be_visible()
    assert "woeid=" in page.url
    page.go_back()
    expect(page.get_by_role("combobox", name="Place")).to_have_value("1")


def test_the_pipeline_board_tells_lag_and_pace(window: Opening, system: System, name: Iterator[str]) -> None:
    page = window().open("/pipeline")
    rows = page.get_by_role("row")
    known = [it["projection"] for it in httpx.get(f"{system.query}/projections", timeout=60).json()["projections"]]
    expect(rows).to_have_count(len(known) + 1)
    system.wait_until_caught_up()
    tweets = rows.filter(has_text="tweets by id")
    expect(tweets).to_contain_text("caught up")
    on_the_log = page.locator("dd").nth(1)
    before = on_the_log.inner_text()
    Poster(system, next(name)).post("One more event")
    expect(on_the_log).not_to_have_text(before)
    expect(tweets).to_contain_text("0 events")
    expect(page.get_by_text("Live, every second")).to_be_visible()
    page.route(re.compile("/projections"), lambda route: route.abort())
    expect(page.get_by_text(re.compile("Not live: The server does not answer"))).to_be_visible()
    page.unroute(re.compile("/projections"))
    expect(page.get_by_text("Live, every second")).to_be_visible()


def test_boards_fit_a_phone(window: Opening, system: System, name: Iterator[str]) -> None:
    Poster(system, next(name)).post("A word as long as #" + "l" * 60)
    Poster(system, next(name)).post("Another one for #" + "l" * 60)
    page = window(size=PHONE, is_mobile=True, has_touch=True).open("/trends")
    row = page.get_by_role("link").filter(has_text="#lll")
    expect(row).to_be_visible()
    for path in ("/trends", "/pipeline", "/trends?topic=" + "l" * 60):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0], path
    page.get_by_role("link", name="All topics").click()
    row.tap()
    expect(page.get_by_role("heading", name="#lll")).to_be_visible()
    expect(page.get_by_role("region", name="Ranking")).to_be_hidden()
