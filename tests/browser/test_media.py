"""Images and videos on the feed page: attached, sent, described, shown, looked at."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_feed import SHIFTS, card
from tests.browser.test_safety import violations
from tests.pictures import image_file, video_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import FilePayload, Locator, Page

    from tests.browser.conftest import Opening

CHOOSE = "Attach images or a video"
GIVE = """(box, [kind, name, content]) => {
    const given = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (it) => it.charCodeAt(0));
    given.items.add(new File([bytes], name, { type: "image/png" }));
    const all = { bubbles: true, cancelable: true, dataTransfer: given, clipboardData: given };
    box.dispatchEvent(kind === "drop" ? new DragEvent(kind, all) : new ClipboardEvent(kind, all));
}"""


def choose(page: Page, *chosen: tuple[str, str, bytes]) -> None:
    """Choose files by the button."""
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name=CHOOSE).first.click()
    choosing.value.set_files([payload(it) for it in chosen])


def payload(file: tuple[str, str, bytes]) -> FilePayload:
    """A file as a browser is given it."""
    name, kind, content = file
    return {"name": name, "mimeType": kind, "buffer": content}


def jpeg(name: str, width: int = 64, height: int = 48) -> tuple[str, str, bytes]:
    return name, "image/jpeg", image_file("image/jpeg", width, height)


def tweet_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Tweet", exact=True)


def test_images_are_attached_in_three_ways_described_and_looked_at(window: Opening, name: Iterator[str]) -> None:
    own = window()
    page = own.sign_up(next(name))
    box = page.get_by_role("textbox", name="What is going on?")
    choose(page, jpeg("heron.jpg", 640, 480))
    png = b64encode(image_file("image/png")).decode()
    box.evaluate(GIVE, ["drop", "dropped.png", png])
    box.evaluate(GIVE, ["paste", "pasted.png", png])
    attached = page.get_by_role("list", name="Attached").get_by_role("listitem")
    expect(attached).to_have_count(3)
    expect(attached.locator("img")).to_have_count(3)  # they are ready
    page.get_by_role("button", name="Remove dropped.png").click()
    expect(attached).to_have_count(2)
    page.get_by_label("Description of heron.jpg").fill("A heron at dawn")
    expect(page.get_by_text("Descriptions let those take part")).to_have_class("soft warn")  # one lacks it
    box.fill("At the pond")
    page.evaluate(SHIFTS)
    tweet_button(page).click()
    shown = card(page, "At the pond")
    expect(shown.get_by_role("img", name="A heron at dawn")).to_be_visible()
    expect(shown.get_by_role("img")).to_have_count(2)
    expect(attached).to_have_count(0)

    page.reload()
    page.evaluate(SHIFTS)
    expect(shown.get_by_role("img", name="A heron at dawn")).to_be_visible()
    loaded = "() => [...document.querySelectorAll('.shot img')].every((it) => it.complete && it.naturalWidth)"
    page.wait_for_function(loaded)
    assert page.evaluate("window.shifted") == 0
    assert violations(page, files("axe_playwright_python").joinpath("axe.min.js").read_text()) == {}
    shown.get_by_role("button", name="A heron at dawn").click()
    viewer = page.get_by_role("dialog", name="Images")
    expect(viewer.get_by_text("1 of 2")).to_be_visible()
    for key, where in (("ArrowRight", "2 of 2"), ("ArrowRight", "1 of 2"), ("ArrowLeft", "2 of 2")):
        page.keyboard.press(key)
        expect(viewer.get_by_text(where)).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(shown.get_by_role("button", name="A heron at dawn")).to_be_focused()


def test_a_video_is_attached_alone_and_shows_with_its_controls(window: Opening, name: Iterator[str]) -> None:
    own = window()
    page = own.sign_up(next(name))
    choose(page, ("flight.mp4", "video/mp4", video_file()))
    expect(page.get_by_role("list", name="Attached").locator("img")).to_be_visible()
    choose(page, jpeg("heron.jpg"))
    expect(page.get_by_role("alert").filter(has_text="up to four images, or one video")).to_be_visible()
    page.get_by_label("Description of flight.mp4").fill("Starlings in flight")
    tweet_button(page).click()  # without a word
    film = page.get_by_role("article").locator("video")
    expect(film).to_have_attribute("aria-label", "Starlings in flight")
    expect(film).to_have_attribute("poster", "/media/files/" + str(film.get_attribute("poster")).split("/files/")[1])
    assert film.evaluate("it => it.controls && it.preload === 'none'")


def test_what_cannot_be_shown_is_said_in_words_and_does_not_go_out(window: Opening, name: Iterator[str]) -> None:
    own = window()
    page = own.sign_up(next(name))
    broken = image_file("image/jpeg")[:200]
    choose(page, ("broken.jpg", "image/jpeg", broken), ("notes.txt", "text/plain", b"no picture"))
    attached = page.get_by_role("list", name="Attached").get_by_role("listitem")
    expect(attached.filter(has_text="broken.jpg: It cannot be read")).to_be_visible()
    expect(attached.filter(has_text="notes.txt: ")).to_be_visible()
    page.get_by_role("textbox", name="What is going on?").fill("With words alone")
    expect(tweet_button(page)).to_be_disabled()
    page.get_by_role("button", name="Remove broken.jpg").click()
    page.get_by_role("button", name="Remove notes.txt").click()
    tweet_button(page).click()
    expect(card(page, "With words alone")).to_be_visible()


def test_tweets_are_quoted_and_kept(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    author, reader = window(), window()
    author.sign_up(ann, "Ann")
    author.tweet("Worth repeating")
    expect(card(author.page, "Worth repeating")).to_be_visible()
    reader.sign_up(next(name))
    page = reader.open(f"/@{ann}")
    tweet = card(page, "Worth repeating")
    tweet.get_by_role("button", name="Quote this tweet").click()
    page.get_by_role("textbox", name="What you say about the tweet").fill("As Ann says")
    page.get_by_role("button", name="Quote", exact=True).click()
    expect(page.get_by_text("Your quote is out.")).to_be_visible()
    tweet.get_by_role("button", name="Bookmark").click()
    expect(tweet.get_by_role("button", name="Bookmark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Bookmarks").click()
    expect(card(page, "Worth repeating")).to_be_visible()
    page.goto("/")
    expect(card(page, "As Ann says")).to_contain_text("Worth repeating")
