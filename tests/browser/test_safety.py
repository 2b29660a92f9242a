"""Text stays text, whatever it says; and everybody can use the pages."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.windows import DESK, PHONE
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opening
    from tests.e2e.system import System

CORPUS = [
    "<script>window.broken = 1</script>",
    "<img src=x onerror=window.broken=1>",
    "<svg/onload=window.broken=1>",
    '"><script>window.broken = 1</script>',
    "' onmouseover=window.broken=1 x='",
    "</title></textarea></style><script>window.broken = 1</script>",
    "<iframe srcdoc='<script>parent.broken=1</script>'>",
    "javascript:window.broken=1 https://javascript:window.broken=1",
    'https://example.org/"onmouseover=window.broken=1//',
    "data:text/html,<script>window.broken=1</script>",
    "<a href=javascript:window.broken=1>click</a>",
    "<math><mtext><style><img src=x onerror=window.broken=1></style>",
    "{{constructor.constructor('window.broken=1')()}} ${window.broken=1}",
    '<!--<img src="--><img src=x onerror=window.broken=1//">',
    "<base href=https://evil.example/><link rel=stylesheet href=https://evil.example/x.css>",
    "#<script>x</script> @<b>x</b> #onerror",
    "&lt;script&gt;window.broken=1&lt;/script&gt; &amp;",
    "\u202e\u2066 right to left \u2069 z\u0335\u0335\u0335",
]


def test_text_stays_text_on_every_page(window: Opening, system: System, name: Iterator[str]) -> None:
    username = next(name)
    poster = Poster(system, username)
    said = [poster.post(f"{text} #flag") for text in CORPUS]
    other = Poster(system, next(name))
    other.post("Another one for the #flag")
    poster.profile(CORPUS[1])
    own = window()
    page = own.sign_up(next(name))
    page.goto(f"/@{username}")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.get_by_role("button", name="Following")).to_be_visible()
    system.wait_until_caught_up()
    for path in (f"/@{username}", "/", "/search?q=%23flag", "/trends?topic=flag", "/notifications"):
        page.goto(path)
        expect(page.locator(".skeleton")).to_have_count(0)
        if path not in ("/trends?topic=flag", "/notifications"):  # which show some of them
            until(lambda: {text.replace("https://", "") for text in said} <= words(page))
        assert harmless(page), path
    page.goto(f"/search?q={'%3Cimg%20src=x%20onerror=window.broken=1%3E'}")
    page.goto("/@%3Cimg%20src=x%20onerror=window.broken=1%3E")
    expect(page.get_by_role("alert")).to_be_visible()
    assert harmless(page)


def words(page: Page) -> set[str]:
    """What the tweets on the page say; links do not show that they are of https."""
    shown = page.locator(".words").evaluate_all("found => found.map(it => it.textContent)")
    return {text.replace("https://", "") for text in shown}


def harmless(page: Page) -> bool:
    """Whether nothing ran, and no element is there that no file of ours makes."""
    return bool(
        page.evaluate(
            """() => window.broken === undefined
            && !document.querySelector("iframe, base, math, object, embed, style, script:not([src^='/assets/'])")
            && [...document.images].every(it => it.src.includes("/assets/"))
            && [...document.links].every(it => ["http:", "https:"].includes(it.protocol))"""
        )
    )


PAGES = ["/", "/search?q=starling", "/notifications", "/@{name}", "/trends", "/trends?topic=starling", "/pipeline"]
JUDGED = {DESK: PAGES, PHONE: ["/", "/trends?topic=starling", "/pipeline"]}
"""Axe takes a second a page; on a phone it is the colours of the dark scheme and the boards that are laid out anew."""


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_the_pages_are_accessible_and_fit(
    window: Opening, system: System, name: Iterator[str], size: tuple[int, int], scheme: str
) -> None:
    """Axe finds nothing: names, roles, contrast, order of headings, landmarks; and nothing is wider than the window."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    own, username = window(size, color_scheme=scheme), next(name)
    page = own.open()
    assert violations(page, axe) == {}
    own.sign_up(username)
    own.tweet("A #starling never flies alone https://example.org/murmuration")
    Poster(system, next(name)).post(f"Seen by @{username}: a #starling")
    for path in PAGES:
        page.goto(path.format(name=username))
        page.wait_for_load_state()
        expect(page.locator(".skeleton")).to_have_count(0)
        assert path not in JUDGED[size] or violations(page, axe) == {}, path
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0], path


def violations(page: Page, axe: str) -> dict[str, list[str]]:
    """What axe-core finds, by rule."""
    page.evaluate(axe)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", tags)
    return {it["id"]: [node["html"] for node in it["nodes"]] for it in found["violations"]}
