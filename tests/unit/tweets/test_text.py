"""Holds the reading of a tweet's text to its rules, and to twitter-text's conformance cases where they are present.

The cases are not part of the repository: MURMURATION_DATA names the directory with `twitter-text/extract.yml`.
"""

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands.tweets.text import (
    MAX_CODE_POINTS_BEFORE_NFC,
    MAX_MENTION_CHARACTERS,
    MAX_TWEET_CODE_POINTS,
    NO_ENTITIES,
    Entities,
    Refusal,
    extract,
    length,
    normalise,
    refusal,
)

DATA = Path(os.environ.get("MURMURATION_DATA", Path(__file__).parents[4] / "shared" / "data"))
CASES_FILE = DATA / "twitter-text" / "extract.yml"
TWITTER_LONGEST_NAME = 20

HELD_SECTIONS = {
    "mentions",
    "mentions_with_indices",
    "urls",
    "urls_with_indices",
    "urls_with_directional_markers",
    "tco_urls_with_params",
    "hashtags",
    "hashtags_from_astral",
    "hashtags_with_indices",
}
SECTIONS_NOT_HELD = {
    "mentions_or_lists_with_indices": "there are no lists; that a list is no mention is held below",
    "replies": "a reply names its tweet by id, not by its text",
    "cashtags": "there are no cashtags",
    "cashtags_with_indices": "there are no cashtags",
}


def conformance_sections() -> dict[str, list[dict[str, Any]]]:
    if not CASES_FILE.exists():
        return {}
    sections: dict[str, list[dict[str, Any]]] = yaml.safe_load(CASES_FILE.read_text(encoding="utf-8"))["tests"]
    return sections


SECTIONS = conformance_sections()
CASES = [
    pytest.param(section, case["text"], case["expected"], id=f"{section}-{number}")
    for section in sorted(HELD_SECTIONS & SECTIONS.keys())
    for number, case in enumerate(SECTIONS[section])
]
needs_cases = pytest.mark.skipif(not SECTIONS, reason=f"no {CASES_FILE}: set MURMURATION_DATA to hold its cases")


def as_in_section(section: str, found: Entities, *, with_indices: bool) -> list[Any]:
    if "url" in section:
        key, names, spans = "url", found.urls, found.url_spans
    elif section.startswith("mentions"):
        key, names, spans = "screen_name", found.mentions, found.mention_spans
    else:
        key, names, spans = "hashtag", found.hashtags, found.hashtag_spans
    if not with_indices:
        return list(names)
    return [{key: name, "indices": list(span)} for name, span in zip(names, spans, strict=True)]


@needs_cases
@pytest.mark.parametrize("longest_name", [TWITTER_LONGEST_NAME, MAX_MENTION_CHARACTERS])
@pytest.mark.parametrize(("section", "text", "expected"), CASES)
def test_every_case_of_twitter_text_is_green(section: str, text: str, expected: list[Any], longest_name: int) -> None:
    with_indices = any(isinstance(entity, dict) for entity in expected)
    found = extract(text, longest_name=longest_name)
    assert as_in_section(section, found, with_indices=with_indices) == expected


@needs_cases
def test_every_section_of_twitter_text_is_held_or_has_a_reason_not_to_be() -> None:
    assert SECTIONS.keys() == HELD_SECTIONS | SECTIONS_NOT_HELD.keys()


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("Starlings over #Brighton, #pier_2 and #2026dusk", ("Brighton", "pier_2", "2026dusk")),
        ("twice #dusk is #dusk", ("dusk", "dusk")),
        ("\uff03\u5915\u713c\u3051 is a full-width sign", ("\u5915\u713c\u3051",)),
        ("#42 and #_ hold no letter", ()),
        ("bird#nest &#nbsp; #nest#egg", ()),
        ("the keycap #\ufe0f\u20e3", ()),
        ("\u2764\ufe0f#starling", ("starling",)),
    ],
)
def test_hashtags_are_words_with_a_letter_after_a_hash_sign(text: str, hashtags: tuple[str, ...]) -> None:
    assert extract(text).hashtags == hashtags


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@wren meet @Robin_1.", ("wren", "Robin_1")),
        ("\uff20wren wrote RT@robin", ("wren", "robin")),
        ("write to wren@example.org or @wren@example.org", ()),
        ("@wren/flock is a list, @wren/@robin are two birds", ("wren", "robin")),
        ("a@rt@wren is an address", ()),
    ],
)
def test_mentions_are_names_after_an_at_sign(text: str, mentions: tuple[str, ...]) -> None:
    assert extract(text).mentions == mentions


def test_a_name_of_the_longest_kind_is_a_mention_and_a_longer_one_is_not_cut() -> None:
    longest = "w" * MAX_MENTION_CHARACTERS
    assert extract(f"@{longest}").mentions == (longest,)
    assert extract(f"@{longest}w") is NO_ENTITIES
    assert extract("@abc @abcd", longest_name=3).mentions == ("abc",)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("see https://example.org/a?b=c#d.", ("https://example.org/a?b=c#d",)),
        ("see (example.org/wiki/Wren_(bird_(small))), please", ("example.org/wiki/Wren_(bird_(small))",)),
        ("example.org:8080 and http://example.org:8080", ("example.org", "http://example.org:8080")),
        ("see file.txt, e.g. 3.5 or nothing.Really", ()),
        ("\u5915\u713cexample.org\u5915\u713cexample.net/a\u5915", ("example.org", "example.net/a")),
        ("http://wren.\u4e2d\u56fd", ("http://wren.\u4e2d\u56fd",)),
        ("http://wren.verm\u00f6gensberatung/a", ("http://wren.verm\u00f6gensberatung/a",)),
        ("http://xn--e1afmkfd.xn--p1ai", ("http://xn--e1afmkfd.xn--p1ai",)),
        (f"http://{'w' * 63}.org http://{'w' * 64}.org", (f"http://{'w' * 63}.org",)),
        ("http://" + "\u00fc" * 60 + ".org", ()),
        ("sub_domain.example.org but not under_score.org", ("domain.example.org",)),
    ],
)
def test_urls_need_a_known_top_level_domain_and_leave_punctuation_at_their_end(
    text: str, urls: tuple[str, ...]
) -> None:
    assert extract(text).urls == urls


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://example.org/@wren/#nest", Entities(urls=("https://example.org/@wren/#nest",), url_spans=((0, 31),))),
        ("#\u5915example.org", Entities(hashtags=("\u5915example",), hashtag_spans=((0, 9),))),
    ],
)
def test_of_two_that_overlap_the_one_that_starts_first_stays(text: str, found: Entities) -> None:
    assert extract(text) == found


def test_spans_count_code_points_from_the_sign_on() -> None:
    found = extract("\U0001f426 @wren #nest example.org")
    assert (found.mention_spans, found.hashtag_spans, found.url_spans) == (((2, 7),), ((8, 13),), ((14, 25),))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a wren", None),
        ("two\nlines\tand a tab", None),
        ("\U0001f426\u200d\u2b1b", None),
        ("", "text_empty"),
        (" \n\t\u3000\u00a0", "text_empty"),
        ("\u200b\u200d\u2060\ufeff\u3164\u2800\U000e0020", "text_empty"),
        ("nul \x00", "text_invalid_character"),
        ("carriage\r\nreturn", "text_invalid_character"),
        ("half a bird \ud83d", "text_invalid_character"),
        ("w" * MAX_TWEET_CODE_POINTS, None),
        ("w" * (MAX_TWEET_CODE_POINTS + 1), "text_too_long"),
        ("\U0001f426" * MAX_TWEET_CODE_POINTS, None),
        ("e\u0301" * MAX_TWEET_CODE_POINTS, None),
        ("\u0301\u0316" * MAX_CODE_POINTS_BEFORE_NFC, "text_too_long"),
        (" " * (MAX_CODE_POINTS_BEFORE_NFC + 1), "text_empty"),
    ],
)
def test_a_refusal_has_a_code(text: str, code: Refusal | None) -> None:
    assert refusal(text) == code


def test_a_character_is_counted_once_however_it_is_composed() -> None:
    assert normalise("cafe\u0301") == "caf\u00e9"
    assert length("cafe\u0301") == length("caf\u00e9") == 4


def test_no_code_point_decomposes_into_more_than_four_so_a_text_too_long_by_then_stays_too_long() -> None:
    longest = max(len(unicodedata.normalize("NFD", chr(code))) for code in range(sys.maxunicode + 1))
    assert longest * MAX_TWEET_CODE_POINTS == MAX_CODE_POINTS_BEFORE_NFC
