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
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from infra.demo.words import TOPICS, tweet
from tests.browser.windows import PHONE, Window, browser
from tests.e2e.system import ROOT, System

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "docs" / "screenshots"
LARGEST = 150_000
SECONDS_AT_FIRST = "20"
WHO = "witty_robin"
HOURS = 72
SEED = 7
FONTS = ("fonts-roboto", "fonts-noto-color-emoji")
"""What the pages look like where a system has fonts of its own; asked for by Debian's names."""

PAGES = {
    "feed": "/",
    "profile": "/@merry_wren",
    "notifications": "/notifications",
    "search": "/search?q=tea",
    "trends": "/trends?topic=tea",
    "pipeline": "/pipeline",
    "settings": "/settings",
}
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


def take(system: System, password: str, fonts: Path) -> Iterator[Path]:
    """Take all pictures; return their files."""
    with browser(FONTCONFIG_FILE=str(fonts)) as opened:
        for width, size in SIZES.items():
            for scheme in ("light", "dark"):
                window = Window(opened, system, size, color_scheme=scheme)
                yield picture(window, "/", f"welcome-{width}-{scheme}")
                window.log_in(WHO, password)
                expect(window.page.get_by_role("heading", name="Home")).to_be_visible()
                for page, path in PAGES.items():
                    yield picture(window, path, f"{page}-{width}-{scheme}")
                window.close()


def picture(window: Window, path: str, name: str) -> Path:
    """Take one, once all is there."""
    page = window.open(path)
    expect(page.locator(".skeleton")).to_have_count(0)
    page.wait_for_timeout(6_500 if path == PAGES["pipeline"] else 500)  # some seconds of pace; and of gliding
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
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
        password = json.loads((system.data / "demo.json").read_bytes())["passwords"][WHO]
        for file in take(system, password, dress(Path(made))):
            sys.stdout.write(f"{file.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
