"""What an owner does about the account, on the settings page."""

from __future__ import annotations

import json
import re
import zipfile
from importlib.resources import files
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.test_consent import asking, opened, sent_back
from tests.browser.test_media import jpeg, payload
from tests.browser.test_safety import violations
from tests.browser.windows import PASSWORD, PHONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Opening
    from tests.browser.test_consent import Asking

__all__ = ["asking"]  # a fixture
NEW = "quite another password"


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def test_the_profile_and_its_pictures_are_changed(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    page = window().sign_up(ann)
    page.get_by_role("link", name="Settings").click()
    own = part(page, "Profile")
    for change, file in (("Change picture", "me.jpg"), ("Change banner", "sky.jpg")):
        with page.expect_file_chooser() as choosing:
            own.get_by_role("button", name=change).click()
        choosing.value.set_files(payload(jpeg(file, 300, 100)))
        expect(own.locator("img")).to_have_count(1 + (change == "Change banner"))
    own.get_by_label("Name").fill("Ann of the Pond")
    own.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("link", name="Profile").click()
    expect(page.get_by_role("heading", name="Ann of the Pond")).to_be_visible()
    shown = page.get_by_role("region", name="Profile").locator("img")
    expect(shown).to_have_count(2)
    page.wait_for_function("() => [...document.querySelectorAll('.profile img')].every((it) => it.naturalWidth)")


def test_who_is_told_of_what_is_chosen(window: Opening, name: Iterator[str]) -> None:
    own = window()
    own.sign_up(next(name))
    page = own.open("/settings")
    likes = page.get_by_role("checkbox", name="Somebody likes your tweet")
    expect(likes).to_be_checked()
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        likes.uncheck()
    page.reload()
    expect(page.get_by_role("checkbox", name="Somebody follows you")).to_be_checked()
    expect(likes).not_to_be_checked()


def test_sessions_and_apps_are_ended_and_a_password_is_changed(window: Opening, asking: Asking) -> None:
    ann = asking.username
    app = window()
    consent = opened(app, asking)
    consent.get_by_label("Username").fill(ann)
    consent.get_by_label("Password").fill(PASSWORD)
    consent.get_by_role("button", name="Allow").click()
    asking.redeem(sent_back(app)["code"])

    first, second = window(), window()
    for one in (first, second):
        one.log_in(ann)
        expect(one.page.get_by_role("heading", name="Home")).to_be_visible()
    page = first.open("/settings")
    part(page, "Apps").get_by_role("button", name="Shut out Starling").click()
    expect(part(page, "Apps").get_by_text("No app may act for you.")).to_be_visible()
    page.reload()
    listed = part(page, "Where you are logged in").get_by_role("listitem")
    expect(listed.filter(has_text="this one")).to_have_count(1)
    for _ in range(listed.filter(has_not_text="this one").count()):
        before = listed.count()
        page.get_by_role("button", name=re.compile("^End the session")).first.click()
        expect(listed).to_have_count(before - 1)
    expect(second.page.get_by_role("form", name="Log in")).to_be_visible()  # by itself, as it was ended

    own = part(page, "Password")
    own.get_by_label("Present password").fill("not the password")
    own.get_by_label("New password").fill(NEW)
    own.get_by_role("button", name="Change password").click()
    expect(own.get_by_role("alert")).to_contain_text("The password is not the present one")
    own.get_by_label("Present password").fill(PASSWORD)
    own.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("You are logged out everywhere else.")).to_be_visible()
    page.get_by_role("button", name="Log out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    first.log_in(ann, NEW)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_data_are_taken_along_and_the_account_is_closed_and_opened_again(window: Opening, name: Iterator[str]) -> None:
    ann = next(name)
    own = window(PHONE, color_scheme="dark")
    own.sign_up(ann)
    own.tweet("To be taken along")
    page = own.open("/settings")
    expect(page.locator(".skeleton")).to_have_count(0)
    assert violations(page, files("axe_playwright_python").joinpath("axe.min.js").read_text()) == {}
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    page.get_by_role("button", name="Prepare my data").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    assert downloading.value.suggested_filename == f"murmuration-{ann}.zip"
    with zipfile.ZipFile(downloading.value.path()) as archive:
        assert json.loads(archive.read("manifest.json"))

    end = part(page, "Delete your account")
    end.get_by_label("Your password").fill(PASSWORD)
    end.get_by_role("button", name="Delete my account").click()
    page.get_by_role("button", name="Delete account").click()
    expect(page.get_by_text("Your account is closed")).to_be_visible()
    own.log_in(ann)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
