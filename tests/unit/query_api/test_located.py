"""An address of a CDN stands in front of the paths of media, and nowhere else."""

from __future__ import annotations

import orjson
from msgspec.structs import replace

from projections.tweets.rendering import post
from query_api.media.located import Located
from tests.builders import attachment, posted

CDN = "https://cdn.example"
FORGED = 'I say "url":"/media/files/0' + "\\"


def test_only_urls_of_media_are_given_the_address() -> None:
    event = replace(posted(1, 2, FORGED), media=[attachment(3, "video")], urls=["https://example.org/media/files/"])
    plain = post(event)
    shown = orjson.loads(b"{" + Located(CDN).tweet(plain).body + b"}")
    [media] = shown["media"]
    urls = [media["url"], media["poster"]["url"], media["thumbnails"]["small"]["url"]]
    assert all(url.startswith(f"{CDN}/media/files/") for url in urls)
    assert (shown["content"], shown["urls"]) == (FORGED, event.urls)
    assert Located().tweet(plain) is plain


def test_other_addresses_stay_as_they_are() -> None:
    assert Located(CDN).path("https://elsewhere.example/a.png") == "https://elsewhere.example/a.png"
    assert Located(CDN).path("/media/files/x/y.webp") == f"{CDN}/media/files/x/y.webp"
    assert Located().path("/media/files/x/y.webp") == "/media/files/x/y.webp"
