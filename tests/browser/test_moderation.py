"""What moderators do on their page, and what others see of it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_feed import card
from tests.browser.test_safety import violations
from tests.browser.windows import PHONE
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opening
    from tests.browser.windows import Window


def report(page: Page, text: str, reason: str, comment: str) -> None:
    card(page, text).get_by_role("button", name="Report this tweet").click()
    page.get_by_label("What is wrong?").select_option(reason)
    page.get_by_label("More about it").fill(comment)
    page.get_by_role("button", name="Send").click()


def decide(page: Page, text: str, action: str, label: str = "") -> None:
    """Take the case about a tweet, leave a note, and decide it."""
    page.goto("/moderation?reason=spam&held=nobody")
    page.get_by_role("main").get_by_role("link").filter(has_text="A tweet of").first.click()
    expect(card(page, text)).to_be_visible()
    page.get_by_role("button", name="Take this case").click()
    expect(page.get_by_role("button", name="Let it go")).to_be_visible()  # the case is shown anew
    page.get_by_label("A note").fill("Looked at it")
    page.get_by_role("button", name="Leave the note").click()
    expect(page.get_by_role("region", name="What was done")).to_contain_text("Looked at it")
    page.get_by_label("What is done").select_option(action)
    if label:
        page.locator("select[name=label]").select_option(label)
    page.get_by_label("Why").fill("As the rules say")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text(f"Decided: {action}").first).to_be_visible()


def said(page: Page, text: str) -> str:
    """What a tweet's card says on the page, opened anew; nothing where it is gone."""
    page.reload()
    expect(page.get_by_role("region", name="Tweets")).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    found = card(page, text)
    return found.inner_text() if found.count() else ""


def test_a_tweet_is_reported_taken_on_labelled_and_shown_so(
    window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann = next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("Wings are a hoax")
    expect(card(author.page, "Wings are a hoax")).to_be_visible()
    reader.sign_up(next(name))
    page = reader.open(f"/@{ann}")
    report(page, "Wings are a hoax", "spam", "They are not")
    expect(page.get_by_text("Thank you. Moderators will look at it.")).to_be_visible()
    report(page, "Wings are a hoax", "spam", "")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("reported")
    page.get_by_role("button", name="Cancel").click()

    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    judge.page.goto("/moderation")
    expect(judge.page.get_by_text("Ann").first).to_be_visible()
    assert violations(judge.page, axe) == {}
    decide(judge.page, "Wings are a hoax", "label", "misleading")
    expect(judge.page.get_by_role("region", name="Reports")).to_contain_text("They are not")
    expect(judge.page.get_by_role("main")).not_to_contain_text("null")
    assert violations(judge.page, axe) == {}
    judge.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert judge.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    judge.page.goto("/moderation?view=audit")
    expect(judge.page.get_by_role("listitem").filter(has_text="As the rules say").first).to_be_visible()
    until(lambda: "Labelled by moderators: misleading" in said(page, "Wings are a hoax"))


def test_a_tweet_is_hidden_its_author_appeals_and_another_moderator_answers(
    window: Opening, judges: Iterator[Window], name: Iterator[str]
) -> None:
    ann = next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("Only I will see this")
    expect(card(author.page, "Only I will see this")).to_be_visible()
    reader.sign_up(next(name))
    report(reader.open(f"/@{ann}"), "Only I will see this", "spam", "")
    expect(reader.page.get_by_text("Thank you. Moderators will look at it.")).to_be_visible()
    judge = next(judges)
    decide(judge.page, "Only I will see this", "hide")
    until(lambda: not said(reader.page, "Only I will see this"))
    expect(reader.page.get_by_text("No tweets yet")).to_be_visible()
    own = author.open(f"/@{ann}")
    expect(card(own, "Only I will see this")).to_contain_text("Hidden by moderators: only you see it.")
    own.get_by_role("button", name="Appeal").click()
    own.get_by_label("Why is it wrong?").fill("It was a poem")
    own.get_by_role("button", name="Send").click()
    expect(own.get_by_text("Another moderator will look at it.")).to_be_visible()

    other = next(judges).page
    other.goto("/moderation?status=appealed")
    other.get_by_role("main").get_by_role("link").filter(has_text="A tweet of").first.click()
    other.get_by_role("button", name="Take this case").click()
    expect(other.get_by_text("It was a poem")).to_be_visible()
    other.get_by_label("The decision").select_option("Undo it")
    other.get_by_role("button", name="Answer the appeal").click()
    expect(other.get_by_text("It was undone.")).to_be_visible()
    until(lambda: said(reader.page, "Only I will see this"))


def test_the_page_is_not_for_others(window: Opening, name: Iterator[str]) -> None:
    own = window()
    own.sign_up(next(name))
    page = own.open("/moderation")
    expect(page.get_by_text("This page is for moderators")).to_be_visible()
    expect(page.get_by_role("link", name="Moderation")).to_have_count(0)
