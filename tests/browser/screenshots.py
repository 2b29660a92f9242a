"""`make screenshots`: pictures of all pages, wide and narrow, light and dark, over demo data, in docs/screenshots/."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect

from infra.demo.words import TOPICS, tweet
from tests.browser.staged import SUSPENDED, staged
from tests.browser.windows import PHONE, Window, browser
from tests.e2e.system import ROOT, System

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Page

    from tests.browser.staged import Stage

FOLDER = ROOT / "docs" / "screenshots"
LARGEST = 100_000
COLOURS = 256
SECONDS_AT_FIRST = "20"
WHO = "witty_robin"
SHOWN = "merry_wren"
HOURS = 72
SEED = 7
FONTS = ("fonts-roboto", "fonts-noto-color-emoji")
"""What the pages look like where a system has fonts of its own; asked for by Debian's names."""

PAGES = {
    "feed": "/",
    "profile": f"/@{SHOWN}",
    "notifications": "/notifications",
    "search": "/search?q=tea",
    "trends": "/trends?topic=tea",
    "pipeline": "/pipeline",
    "bookmarks": "/bookmarks",
    "settings": "/settings",
}
FOR_MODERATORS = {"moderation": "/moderation", "topics": "/moderation?view=topics", "audit": "/moderation?view=audit"}
SIZES = {"1280": (1280, 780), "390": PHONE}


def past(dice: Random, file: Path) -> None:
    """Write three days of tweets about the demo's topics, each with a rhythm of its own."""
    now = datetime.now(UTC)
    with file.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["publish_date", "author_id", "post_type", "content"])
        for when, author, text in sorted(_rows(dice, now)):
            table.writerow([when.isoformat(timespec="seconds"), author, "", text])


def _rows(dice: Random, now: datetime) -> Iterator[tuple[datetime, int, str]]:
    for number, topic in enumerate(sorted(TOPICS)):
        for hour in range(1, HOURS):
            daily = 4 + 3 * ((hour + 3 * number) % 24 < 12)
            for _ in range(dice.randint(1, daily + (2 * number if hour < 6 + number else 0))):
                when = now - timedelta(hours=hour, minutes=dice.uniform(-30, 30))
                if when < now - timedelta(minutes=5):
                    yield when, dice.randrange(1_000, 1_060), f"{tweet(dice, None).split('#')[0].strip()} #{topic}"


@contextmanager
def life(system: System, folder: Path) -> Iterator[None]:
    """Load what the demo's people said in the past, let them live for a while, and go on slowly."""
    past(Random(SEED), folder / "past.csv")
    loaded = system.murmur("load", "tweets", str(folder / "past.csv"))
    assert loaded.returncode == 0, loaded.stderr
    environment = {**system.environment, "MURMURATION_DATA_DIR": str(system.data)}
    environment |= {"MURMURATION_COMMANDS_PORT": str(system.commands_port)}
    demo = [sys.executable, "-m", "infra.demo", "--rate"]
    subprocess.run([*demo, "20", "--for", SECONDS_AT_FIRST], cwd=ROOT, env=environment, check=True)
    system.wait_until_caught_up()
    with subprocess.Popen([*demo, "3"], cwd=ROOT, env=environment) as living:
        try:
            yield
        finally:
            living.terminate()


def take(system: System, passwords: Mapping[str, str], stage: Stage, fonts: Path) -> Iterator[Path]:
    """Take all pictures; return their files."""
    with browser(FONTCONFIG_FILE=str(fonts)) as opened:
        for width, size in SIZES.items():
            for scheme in ("light", "dark"):
                look = f"{width}-{scheme}"
                window = Window(opened, system, size, color_scheme=scheme)
                yield picture(window, "/", f"welcome-{look}")
                yield from of_somebody(window, WHO, passwords[WHO], {**PAGES, "consent": stage.consent}, look)
                window.close()
                window = Window(opened, system, size, color_scheme=scheme)
                pages = {**FOR_MODERATORS, "case": f"/moderation?case={stage.case}"}
                yield from of_somebody(window, stage.judge, passwords[stage.judge], pages, look)
                window.close()
                window = Window(opened, system, size, color_scheme=scheme)
                window.log_in(SUSPENDED)
                expect(window.page.get_by_role("link", name="Appeal against it")).to_be_visible()
                window.page.wait_for_timeout(500)  # of fading
                yield taken(window.page, f"suspended-{look}")
                window.page.get_by_role("link", name="Appeal against it").click()
                expect(window.page.get_by_role("heading", name="Your account is suspended")).to_be_visible()
                yield taken(window.page, f"appeal-{look}")
                window.close()


def of_somebody(window: Window, username: str, password: str, pages: Mapping[str, str], look: str) -> Iterator[Path]:
    """Take pictures of pages as somebody sees them."""
    window.log_in(username, password)
    expect(window.page.get_by_role("heading", name="Home")).to_be_visible()
    for page, path in pages.items():
        yield picture(window, path, f"{page}-{look}")


def picture(window: Window, path: str, name: str) -> Path:
    """Take one of a page, once all is there."""
    page = window.open(path)
    expect(page.locator(".skeleton")).to_have_count(0)
    page.wait_for_timeout(6_500 if path == PAGES["pipeline"] else 500)  # some seconds of pace; and of gliding
    return taken(page, name)


def taken(page: Page, name: str) -> Path:
    """Keep what is seen now, in the few colours that a page has."""
    file = FOLDER / f"{name}.png"
    with Image.open(BytesIO(page.screenshot())) as seen:
        seen.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= LARGEST, f"{file} is too large"
    return file


FONTS_FILE = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
<match target="pattern"><test name="family" compare="contains"><string>sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Roboto</string></edit></match>
<match target="pattern"><test name="family"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Roboto</string></edit></match>
<include>/etc/fonts/fonts.conf</include>
</fontconfig>
"""


def dress(folder: Path) -> Path:
    """Install fonts where that may be done, and return what prefers them: without them there is whatever there is."""
    if os.geteuid() == 0:
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *FONTS]):
            subprocess.run(command, check=False, capture_output=True)
    file = folder / "fonts.conf"
    file.write_text(FONTS_FILE)
    return file


def main() -> None:
    """Make them all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made, System(Path(made) / "data") as system, life(system, Path(made)):
        passwords = json.loads((system.data / "demo.json").read_bytes())["passwords"]
        stage = staged(system, passwords, WHO, frozenset({WHO, SHOWN}))
        for file in take(system, passwords, stage, dress(Path(made))):
            sys.stdout.write(f"{file.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
