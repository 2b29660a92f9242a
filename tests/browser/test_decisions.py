"""Every decision of a moderator, made through the page, and what it changes for others."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.posters import Poster
from tests.browser.test_feed import card, follow
from tests.browser.test_media import choose, jpeg, tweet_button
from tests.browser.test_safety import violations
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opening
    from tests.browser.windows import Window
    from tests.e2e.system import System

WHY = "As the rules say"


def reported(system: System, author: Poster, text: str, reporter: str) -> str:
    """A tweet that somebody reported; returns its id, which is its case's."""
    tweet = str(author.send("POST", "/tweets", {"content": text})["tweet_id"])
    Poster(system, reporter).send("POST", "/reports", {"tweet_id": tweet, "reason": "spam"})
    return tweet


def decide(page: Page, case: str, action: str, label: str = "", days: int = 0) -> None:
    """Take a case and decide it."""
    page.goto(f"/moderation?case={case}")
    page.get_by_role("button", name="Take this case").click()
    page.get_by_label("What is done").select_option(action)
    if label:
        page.locator("select[name=label]").select_option(label)
    if days:
        page.get_by_label("For how many days").fill(str(days))
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text(re.compile(f"^Decided: {action}.*{WHY}$"))).to_be_visible()


def shows(page: Page, path: str, text: str) -> bool:
    """Whether a tweet stands on a page that is opened anew."""
    page.goto(path)
    tweets = page.get_by_role("region", name="Tweets")
    expect(tweets).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(tweets.get_by_role("alert")).to_have_count(0)
    return card(page, text).count() > 0


def test_a_dismissed_report_changes_nothing(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann = next(name)
    case = reported(system, Poster(system, ann), "Nothing is wrong with this", next(name))
    decide(judge.page, case, "dismiss")
    page = window().open(f"/@{ann}")
    expect(card(page, "Nothing is wrong with this")).to_be_visible()
    expect(page.locator(".standing")).to_be_hidden()


def test_a_hidden_tweet_is_gone_until_it_is_restored(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann = next(name)
    case = reported(system, Poster(system, ann), "Hide me for a while", next(name))
    page = window().page
    until(lambda: shows(page, f"/@{ann}", "Hide me for a while"))
    decide(judge.page, case, "hide")
    until(lambda: not shows(page, f"/@{ann}", "Hide me for a while"))
    decide(judge.page, case, "restore")
    until(lambda: shows(page, f"/@{ann}", "Hide me for a while"))


def test_a_limited_tweet_is_found_by_followers_alone_until_it_is_restored(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann, word = next(name), "quetzalcoatlus"
    case = reported(system, Poster(system, ann), f"A {word} was here", next(name))
    stranger, follower = window(), window()
    stranger.sign_up(next(name))
    follow(follower.sign_up(next(name)), ann)
    path = f"/search?q={word}"
    until(lambda: shows(stranger.page, path, word))
    decide(judge.page, case, "limit")
    until(lambda: not shows(stranger.page, path, word))
    until(lambda: shows(follower.page, path, word))
    assert shows(stranger.page, f"/@{ann}", word)  # who looks for its author sees it as before
    decide(judge.page, case, "restore")
    until(lambda: shows(stranger.page, path, word))


def test_media_labelled_sensitive_are_covered_as_it_happens_and_shown_by_a_click(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann, bob = next(name), next(name)
    author, reader = window(), window()
    page = author.sign_up(ann, "Ann")
    choose(page, jpeg("wound.jpg", 320, 240))
    expect(page.get_by_role("list", name="Attached").locator("img")).to_be_visible()
    page.get_by_label("Description of wound.jpg").fill("A broken wing")
    page.get_by_role("textbox", name="What is going on?").fill("It will heal")
    tweet_button(page).click()
    case = card(page, "It will heal").get_attribute("data-id")
    assert case is not None
    Poster(system, next(name)).send("POST", "/reports", {"tweet_id": case, "reason": "violence"})

    shown = reader.sign_up(bob)
    follow(shown, ann)
    shown.goto("/")
    tweet = card(shown, "It will heal")
    image = tweet.get_by_role("img", name="A broken wing")
    expect(image).to_be_visible()
    shown.evaluate("window.neverReloaded = true")
    decide(judge.page, case, "label", "sensitive")
    expect(tweet).to_contain_text("Labelled by moderators: sensitive")
    expect(image).to_be_hidden()
    assert shown.evaluate("window.neverReloaded")

    for again in (False, True):  # as it was told, and as it is read
        if again:
            shown.reload()
            expect(tweet).to_contain_text("Labelled by moderators: sensitive")
        expect(image).to_be_hidden()
        tweet.get_by_text("Sensitive media: show").click()
        expect(image).to_be_visible()
        tweet.get_by_text("Sensitive media: show").click()
        expect(image).to_be_hidden()

    decide(judge.page, case, "restore")
    expect(image).to_be_visible()
    expect(tweet).not_to_contain_text("Labelled by moderators")


def test_a_profile_is_reported_and_its_reach_limited(
    system: System, window: Opening, judge: Window, name: Iterator[str]
) -> None:
    ann, word = next(name), "pterodaustro"
    Poster(system, ann).post(f"A {word} sieves the sea")
    reader = window()
    page = reader.sign_up(next(name))
    page.goto(f"/@{ann}")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Report", exact=True).click()
    dialog = page.get_by_role("dialog", name="Report")
    expect(dialog).to_contain_text(f"@{ann}")
    dialog.get_by_label("What is wrong?").select_option("impersonation")
    dialog.get_by_label("More about it").fill("She is not Ann")
    dialog.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Thank you. Moderators will look at it.")).to_be_visible()
    expect(dialog).to_have_count(0)

    judge.page.goto("/moderation?kind=account&reason=impersonation&held=nobody")
    judge.page.get_by_role("main").get_by_role("link").filter(has_text=f"@{ann}").click()
    expect(judge.page.get_by_role("region", name="Reports")).to_contain_text("She is not Ann")
    case = judge.page.url.rpartition("case=")[2]
    expect(judge.page.get_by_role("button", name="Take this case")).to_be_visible()
    until(lambda: shows(page, f"/search?q={word}", word))
    decide(judge.page, case, "limit")
    until(lambda: not shows(page, f"/search?q={word}", word))
    decide(judge.page, case, "restore")
    until(lambda: shows(page, f"/search?q={word}", word))


def test_a_topic_is_kept_out_of_trends_and_let_in_again(system: System, judge: Window, name: Iterator[str]) -> None:
    topic = f"flock_{next(name)}"
    for _ in range(2):
        Poster(system, next(name)).post(f"We gather at #{topic}")
    page = judge.open("/moderation")
    page.get_by_role("link", name="Topics").click()
    page.get_by_label("A topic that must not trend").fill("two words")
    page.get_by_role("button", name="Keep it out").click()
    expect(page.get_by_role("alert")).to_contain_text("a topic is a hashtag", ignore_case=True)
    page.get_by_label("A topic that must not trend").fill(f"#{topic.upper()}")
    page.get_by_role("button", name="Keep it out").click()
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    assert violations(page, axe) == {}
    kept_out = page.get_by_role("region", name="Kept out of trends").get_by_role("listitem")
    expect(kept_out.filter(has_text=f"#{topic}")).to_be_visible()
    page.reload()
    page.get_by_role("button", name=f"Let #{topic} trend again").click()
    expect(kept_out.filter(has_text=f"#{topic}")).to_have_count(0)
