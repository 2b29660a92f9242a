"""The pages over HTTP: what is sent, how small it is, and what browsers are told to refuse."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.settings import Settings
from query_api import web
from query_api.app import create_app
from query_api.bootstrap import build
from query_api.web.endpoint import PAGES, commands_url, policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STATIC = Path(web.__file__).parent / "static"
MAX_LINES, MAX_CHARS = 480, 120
KB = 1000
FEED_KB, FEED_REQUESTS, BOARD_KB = 60, 6, 60
ASSET = re.compile(r'(?:href|src)="(/assets/[^"]+)"')
IMPORT = re.compile(r'from "\./([a-z]+\.js)"')


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    services = build(Settings(data_dir=tmp_path))
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as opened:
        yield opened
    services.close()


async def load(browser: httpx.AsyncClient, path: str) -> dict[str, httpx.Response]:
    """Fetch a page and all that it needs, once each, as a browser does."""
    found = {path: await browser.get(path)}
    wanted = ASSET.findall(found[path].text)
    while wanted:
        url = wanted.pop()
        if url not in found:
            found[url] = await browser.get(url)
            folder = url.rpartition("/")[0]
            wanted += [f"{folder}/{name}" for name in IMPORT.findall(found[url].text)]
    assert [url for url, answer in found.items() if answer.status_code != httpx.codes.OK] == []
    return found


@pytest.mark.parametrize(("path", "most_kb", "most_requests"), [
    ("/", FEED_KB, FEED_REQUESTS), ("/trends", BOARD_KB, 8), ("/pipeline", BOARD_KB, 8),
])  # fmt: skip
async def test_a_page_is_small(browser: httpx.AsyncClient, path: str, most_kb: int, most_requests: int) -> None:
    found = await load(browser, path)
    sent = sum(len(gzip.compress(answer.content, 9)) + len(str(answer.headers)) for answer in found.values())
    assert sent <= most_kb * KB
    assert len(found) <= most_requests
    assert all(answer.headers["Content-Encoding"] == "gzip" for answer in found.values())


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path.format(name="ada", tweet_id="x"))
    said = answer.headers["Content-Security-Policy"]
    assert said == policy("http://127.0.0.1:8000")
    assert "default-src 'self'" in said
    assert "unsafe" not in said
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", answer.text)
    assert set(re.findall(r"https?://[^\"'<> ]+", answer.text)) == {"http://127.0.0.1:8000"}  # who takes commands


async def test_a_cdn_may_show_media_only_where_one_is_set(tmp_path: Path) -> None:
    services = build(Settings(data_dir=tmp_path, media_url="https://cdn.flock.example"))
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as opened:
        answer = await opened.get("/")
    services.close()
    said = answer.headers["Content-Security-Policy"]
    assert "; img-src 'self' https://cdn.flock.example; media-src 'self' https://cdn.flock.example;" in said
    assert "default-src 'self'; connect-src 'self' http://127.0.0.1:8000;" in said
    assert '<meta name="media" content="https://cdn.flock.example">' in answer.text


async def test_no_file_of_a_page_makes_html_out_of_strings_or_names_another_host(browser: httpx.AsyncClient) -> None:
    banned = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function")
    hosts = re.compile(r"https?://(?!www\.w3\.org/2000/svg)[a-z0-9.-]+\.[a-z]")
    for page in ("/", "/trends", "/pipeline"):
        for url, answer in (await load(browser, page)).items():
            assert not banned.search(answer.text), url
            assert not hosts.search(answer.text), url


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_a_script_opens_with_its_responsibility_and_can_be_read(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= MAX_LINES
    assert [line for line in lines if len(line) > MAX_CHARS] == []


async def test_files_are_kept_for_good_and_pages_are_asked_for_again(browser: httpx.AsyncClient) -> None:
    found = await load(browser, "/")
    for url, answer in found.items():
        kept = "no-cache" if url == "/" else "public, max-age=31536000, immutable"
        assert answer.headers["Cache-Control"] == kept
        again = await browser.get(url, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
    old = await browser.get("/assets/000000000000/core.js")
    assert old.headers["Cache-Control"] == "no-cache"  # a page from before an upgrade gets what is there


async def test_who_cannot_unpack_gets_it_plain(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert answer.text == (await browser.get("/")).text


@pytest.mark.parametrize("name", ["nothing.js", "_head.html", "feed.html", "..%2fassets.py", "__init__.py"])
async def test_only_the_pages_files_are_served(browser: httpx.AsyncClient, name: str) -> None:
    answer = await browser.get(f"/assets/x/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


WHERE: list[tuple[dict[str, Any], str, str]] = [
    ({}, "127.0.0.1:8001", "http://127.0.0.1:8000"),
    ({"commands_port": 9000}, "flock.example:8001", "http://flock.example:9000"),
    ({}, "[::1]:8001", "http://[::1]:8000"),
    ({}, "flock.example", "http://flock.example:8000"),
    ({}, "a.example; script-src *", "http://127.0.0.1:8000"),  # what is no host is not repeated
    ({}, '"><script>', "http://127.0.0.1:8000"),
    ({"public_commands_url": "https://api.flock.example"}, "x", "https://api.flock.example"),
    ({"public_commands_url": "/"}, "x", ""),  # a proxy in front: one origin
]


@pytest.mark.parametrize(("settings", "host", "url"), WHERE)
async def test_a_page_knows_who_takes_commands(settings: dict[str, Any], host: str, url: str) -> None:
    assert commands_url(Settings(**settings), host) == url


async def test_a_page_says_where_commands_go_by_the_name_it_was_asked_under(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/", headers={"Host": "flock.example:8001"})
    assert '<meta name="commands" content="http://flock.example:8000">' in answer.text
    assert "connect-src 'self' http://flock.example:8000;" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "wrong", ["javascript:alert(1)", "https://a.example/x?y", "a.example", "http://a b", "//a.example"]
)
def test_a_setting_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="public_commands_url"):
        Settings(public_commands_url=wrong)
