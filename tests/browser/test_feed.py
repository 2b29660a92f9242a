"""What people do on the feed page, in a real browser."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.windows import DESK, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Opening
    from tests.e2e.system import System

WITHIN_S = 1.0
TRIES = 3  # the quickest counts: others may be using the machine


def card(page: Page, text: str) -> Locator:
    return page.get_by_role("article").filter(has_text=text)


def follow(page: Page, username: str) -> None:
    page.goto(f"/@{username}")
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.get_by_role("button", name="Following")).to_be_visible()


def test_a_tweet_shows_in_the_followers_window_within_a_second(window: Opening, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    first, second = window(), window()
    first.sign_up(ann, "Ann")
    page = second.sign_up(bob, "Bob")
    follow(page, ann)
    page.goto("/")
    expect(page.get_by_text("It is quiet here")).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    took = []
    for number in range(TRIES):
        began = time.monotonic()
        first.tweet(f"Number {number} of the day")
        expect(card(page, f"Number {number} of the day")).to_be_visible()
        took.append(time.monotonic() - began)
        expect(card(first.page, f"Number {number} of the day")).to_be_visible()
    assert min(took) < WITHIN_S, took
    assert page.evaluate("window.neverReloaded")


def test_likes_retweets_and_replies_are_done_undone_and_notified(window: Opening, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("Be kind to starlings")
    page = reader.sign_up(bob, "Bob")
    follow(page, ann)
    tweet = card(page, "Be kind to starlings")
    tweet.get_by_role("button", name="Like").click()
    expect(tweet.get_by_role("button", name="Like, 1")).to_have_attribute("aria-pressed", "true")
    tweet.get_by_role("button", name="Retweet").click()
    expect(tweet.get_by_role("button", name="Retweet, 1")).to_have_attribute("aria-pressed", "true")
    tweet.get_by_role("button", name="Reply").click()
    page.get_by_role("textbox", name=f"Your reply to @{ann}").fill("I always am")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(tweet.get_by_role("button", name="Reply, 1")).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        tweet.get_by_role("button", name="Retweet, 1").click()
    expect(tweet.get_by_role("button", name="Retweet, 0")).to_have_attribute("aria-pressed", "false")

    page.reload()  # it was no show of the page alone
    expect(tweet.get_by_role("button", name="Like, 1")).to_have_attribute("aria-pressed", "true")
    expect(tweet.get_by_role("button", name="Retweet, 0")).to_be_visible()

    told = author.page
    own = card(told, "Be kind to starlings")
    expect(own.get_by_role("button", name="Like, 1")).to_have_attribute("aria-pressed", "false")  # as it happens
    expect(told.locator("#unread")).to_be_visible()
    told.get_by_role("link", name=re.compile("^Notifications")).click()
    notices = told.get_by_role("listitem").filter(has_text="Bob")
    for said in ("followed you", "liked your tweet", "replied to you"):
        expect(notices.filter(has_text=said)).to_have_count(1)
    expect(told.locator("#unread")).to_be_hidden()  # read
    notices.filter(has_text="replied to you").get_by_text("I always am").click()
    expect(told.get_by_role("heading", name="Tweet", exact=True)).to_be_visible()
    expect(card(told, "Be kind to starlings")).to_be_visible()  # what was answered stands above the answer


def test_a_newcomer_is_told_whom_to_follow(window: Opening, name: Iterator[str]) -> None:
    for _ in range(3):
        other = window()
        other.sign_up(next(name))
        other.tweet("We all fly in #formation")
        expect(card(other.page, "#formation")).to_be_visible()
    page = window().sign_up(next(name))
    people = page.get_by_role("region", name="People to follow")
    follow_first = people.get_by_role("button", name=re.compile("^Follow ")).first
    expect(people.get_by_role("heading", name="People to follow")).to_be_visible()
    follow_first.click()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(people.get_by_role("button", name=re.compile("^Following "))).to_have_count(
        1
    )  # the others can be followed, too


def test_who_is_blocked_is_gone_until_unblocked(window: Opening, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("You will not want to read this")
    page = reader.sign_up(bob, "Bob")
    follow(page, ann)
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("alert")).to_contain_text("one of you blocks the other")
    expect(page.get_by_role("button", name="Follow")).to_have_count(0)
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Unblock").click()
    expect(card(page, "You will not want to read this")).to_be_visible()
    expect(page.get_by_role("button", name="Follow", exact=True)).to_be_visible()  # a block has ended the follow


def test_search_finds_tweets_and_people(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    own = window()
    own.sign_up(ann, "Hypatia of Alexandria")
    own.tweet("Conic sections are #beautiful")
    expect(card(own.page, "Conic sections")).to_be_visible()
    page = window().open("/search")  # who is not signed in may search
    page.get_by_role("searchbox").fill("hypatia")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="People").get_by_text(f"@{ann}")).to_be_visible()
    page.get_by_role("searchbox").fill("#beautiful conic")
    page.keyboard.press("Enter")
    expect(card(page, "Conic sections")).to_be_visible()
    page.get_by_role("searchbox").fill("nobody said this")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No tweet found")).to_be_visible()
    page.get_by_role("searchbox").fill('an "open phrase')
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("character")  # the problem's own words
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("nobody said this")


def test_everything_can_be_done_by_keyboard(window: Opening, name: Iterator[str]) -> None:
    page = window().open()
    page.get_by_role("form", name="Sign up").get_by_label("Username").focus()
    page.keyboard.type(next(name))
    page.keyboard.press("Tab")
    page.keyboard.type("Keyboard Kit")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="What is going on?")).to_be_focused()
    page.keyboard.type("Hands on the keys")
    page.keyboard.press("Control+Enter")
    tweet = card(page, "Hands on the keys")
    expect(tweet).to_be_visible()
    like = tweet.get_by_role("button", name="Like")
    for _ in range(20):
        page.keyboard.press("Tab")
        if like.evaluate("it => it === document.activeElement"):
            break
    expect(like).to_be_focused()
    assert like.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"  # where one is can be seen
    page.keyboard.press("Enter")
    expect(like).to_have_attribute("aria-pressed", "true")
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_what_is_refused_is_said_in_words_and_loses_nothing(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    own = window()
    own.sign_up(ann)
    page = own.page
    box = page.get_by_role("textbox", name="What is going on?")
    button = page.get_by_role("button", name="Tweet", exact=True)
    box.fill("x" * 281)
    left = page.locator(".composer .left")
    expect(left).to_have_text("-1")
    expect(button).to_be_disabled()
    box.fill("👍🏽" * 140)  # as the server counts: code points, 280
    expect(left).to_have_text("0")
    expect(button).to_be_enabled()
    box.fill("Nobody hears me")
    page.route(re.compile("/api/v1/tweets$"), lambda route: route.abort())
    button.click()
    expect(page.get_by_role("alert").filter(has_text="The server does not answer")).to_be_visible()
    expect(box).to_have_value("Nobody hears me")
    page.unroute(re.compile("/api/v1/tweets$"))
    button.click()
    expect(card(page, "Nobody hears me")).to_be_visible()

    other = window()
    page = other.log_in(ann, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("The username or the password is wrong")
    form = page.get_by_role("form", name="Sign up")
    form.get_by_label("Username").fill(ann)
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("The username is taken")
    page.goto("/@nobody_of_this_name")
    expect(page.get_by_role("alert")).to_contain_text("There is no such account")
    page.goto("/tweets/not-an-id")
    expect(page.get_by_role("alert")).to_contain_text("There is no such tweet")


SHIFTS = """() => {
    window.shifted = 0;
    const sum = (found) => found.getEntries().forEach(it => window.shifted += it.value);
    new PerformanceObserver(sum).observe({type: "layout-shift"});
}"""


def test_news_do_not_move_what_is_being_read(window: Opening, system: System, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    author, reader = window(), window(size=(DESK[0], 500))
    author.sign_up(ann, "Ann")
    for number in range(8):
        author.tweet(f"Old news, {number}")
        expect(card(author.page, f"Old news, {number}")).to_be_visible()
    page = reader.sign_up(bob, "Bob")
    follow(page, ann)
    system.wait_until_caught_up()  # what is old is no news
    page.goto("/")
    expect(card(page, "Old news, 0")).to_be_attached()
    page.mouse.move(*DESK)
    page.evaluate("scrollTo(0, 400)")
    page.evaluate(SHIFTS)
    before = card(page, "Old news, 4").bounding_box()
    author.tweet("Late news, one")
    expect(page.get_by_role("button", name="1 new tweet")).to_be_visible()
    author.tweet("Late news, two")
    pill = page.get_by_role("button", name="2 new tweets")
    expect(pill).to_be_visible()
    assert card(page, "Old news, 4").bounding_box() == before
    assert page.evaluate("window.shifted") == 0
    pill.click()
    expect(card(page, "Late news, two")).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_a_deleted_tweet_goes_from_open_windows(window: Opening, name: Iterator[str]) -> None:
    ann, bob = next(name), next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("I should not have said this")
    page = reader.sign_up(bob, "Bob")
    follow(page, ann)
    page.goto("/")
    expect(card(page, "I should not have said this")).to_be_visible()
    author.page.get_by_role("button", name="Delete this tweet").click()
    author.page.get_by_role("button", name="Delete", exact=True).click()
    expect(card(author.page, "I should not have said this")).to_have_count(0)
    expect(card(page, "I should not have said this")).to_have_count(0)


TIMELINE = """async ([script, shown, news]) => {
    const { Timeline } = await import(script);
    const user = { user_id: "u", username: "ann", display_name: "Ann" };
    const tweet = (n) => ({
        tweet_id: String(n).padStart(6, "0"), user_id: "u", user, type: "TWEET", content: `No. ${n}`,
        created_at: "2026-01-01T00:00:00Z", hashtags: [], mentions: [], urls: [],
        likes_count: 0, retweets_count: 0, replies_count: 0,
    });
    const page = { tweets: shown.map(tweet), next_max_id: "000000", has_more: false };
    const timeline = new Timeline(async () => page, () => "");
    document.querySelector("main").replaceChildren(timeline.node);
    await new Promise((done) => setTimeout(done));
    for (const [method, numbers] of news) timeline[method](numbers.map(tweet));
    return [[...timeline.list.children].map((it) => Number(it.dataset.id)), timeline.known.size, timeline.next];
}"""


def timeline(page: Page, shown: list[int], news: list[tuple[str, list[int]]]) -> tuple[list[int], int, str]:
    """What a list shows, knows and goes on from, after a page and news of tweets with these numbers."""
    script = page.locator("script").get_attribute("src")
    assert script is not None
    listed, known, following = page.evaluate(TIMELINE, [script.replace("feed.js", "tweets.js"), shown, news])
    return listed, known, following


def test_news_come_in_the_order_of_time_and_leave_no_hole(window: Opening) -> None:
    page = window().open("/search")
    late = timeline(page, [20, 10], [("offer", [30]), ("offer", [15, 25]), ("offer", [5]), ("offer", [30])])
    assert late == ([30, 25, 20, 15, 10], 5, "000000")  # 5 comes with its page
    assert timeline(page, [20, 10], [("meet", [30, 20, 10])]) == ([30, 20, 10], 3, "000000")
    assert timeline(page, [20, 10], [("meet", [50, 40])]) == ([50, 40], 2, "000040")


def test_a_page_that_stays_open_does_not_grow(window: Opening) -> None:
    news = [("offer", [number]) for number in range(1, 501)]
    listed, known, following = timeline(window().open("/search"), [0], news)
    assert listed == list(range(500, 100, -1))
    assert (known, following) == (400, "000101")  # it goes on below what it shows
