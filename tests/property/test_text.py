"""Laws of the reading of a tweet's text, over any text and over texts made of what looks like entities."""

import string
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.tweets.text import NO_ENTITIES, extract, length, normalise, refusal

FRAGMENTS = [
    *(
        "#",
        "\uff03",
        "@",
        "\uff20",
        "://",
        "http://",
        "https://",
        ".",
        "/",
        "?",
        ":",
        "-",
        "_",
        "(",
        ")",
        "&",
        " ",
        "\n",
    ),
    *("wren", "Robin_1", "42", "rt", ".org", ".co.jp", "example.com", "http://t.co/a", "xn--", "/path", "?q=1"),
    *(
        "\u5915\u713c",
        "\u3002",
        ".\u4e2d\u56fd",
        "\u00e9",
        "\u0301",
        "\U0001f426",
        "\ufe0f",
        "\u20e3",
        "\u200d",
        "\u2066",
    ),
]
ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.lists(st.sampled_from(FRAGMENTS)).map("".join)
PLAIN_WORDS = st.lists(st.text(string.ascii_letters + string.digits, min_size=1)).map(" ".join)

HOSTILE_CODE_POINTS = 10_000
# A linear reading takes 1 to 60 ms, a quadratic one seconds: there is room for a slow machine between them.
HOSTILE_CPU_SECONDS = 0.5


@given(ANY_TEXT)
def test_every_span_holds_what_was_found(text: str) -> None:
    found = extract(text)
    assert tuple(text[start:end] for start, end in found.url_spans) == found.urls
    for signs, names, spans in (
        ("#\uff03", found.hashtags, found.hashtag_spans),
        ("@\uff20", found.mentions, found.mention_spans),
    ):
        assert tuple(text[start + 1 : end] for start, end in spans) == names
        assert all(text[start] in signs and end <= len(text) for start, end in spans)
    assert all(end <= len(text) for _, end in found.url_spans)


@given(ANY_TEXT)
def test_what_is_found_is_in_order_and_does_not_overlap(text: str) -> None:
    found = extract(text)
    for spans in (found.hashtag_spans, found.mention_spans, found.url_spans):
        assert list(spans) == sorted(spans)
    ordered = sorted((*found.hashtag_spans, *found.mention_spans, *found.url_spans))
    assert all(before[1] <= after[0] for before, after in pairwise(ordered))


@given(ANY_TEXT, ANY_TEXT)
def test_a_line_is_read_the_same_whatever_the_line_before_it_says(before: str, after: str) -> None:
    joined, alone = extract(f"{before}\n{after}"), extract(f"\n{after}")
    for all_names, names in (
        (joined.hashtags, alone.hashtags),
        (joined.mentions, alone.mentions),
        (joined.urls, alone.urls),
    ):
        assert all_names[len(all_names) - len(names) :] == names


@given(PLAIN_WORDS)
def test_plain_words_hold_no_entities(text: str) -> None:
    assert extract(text) is NO_ENTITIES


@given(ANY_TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert length(normalise(text)) == length(text)


@given(ANY_TEXT)
def test_a_text_is_refused_in_the_same_way_before_and_after_it_is_normalised(text: str) -> None:
    assert refusal(normalise(text)) == refusal(text)


@pytest.mark.parametrize("start", ["", "http://a.com/", "http://a.com/?", "http://", "#", "@"])
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "a.", ".", "-", "_", "1", "/", "!", "(", "()", "(a", "#", "#1", "@", "@a", "rt@", "xn--", "a_.", "a.b_"),
        *(
            "http://",
            "http://a.",
            "x.com ",
            "a_a.com",
            "\u5915",
            "\u5915.",
            "\u5915.com",
            "a.com\u5915-.",
            "\u0301\u0316",
        ),
        "".join(chr(0x4E00 + 7 * letter) for letter in range(58)) + "a.com ",
    ],
)
def test_hostile_texts_take_linear_time(start: str, unit: str) -> None:
    text = (start + unit * HOSTILE_CODE_POINTS)[:HOSTILE_CODE_POINTS]
    assert min(cpu_seconds(text) for _ in range(2)) < HOSTILE_CPU_SECONDS  # a collection of garbage may fall into one


def cpu_seconds(text: str) -> float:
    began = time.process_time()
    extract(text)
    return time.process_time() - began
