"""Measures the reading of a tweet's text, beside the time allowed for it: `python -m benchmarks.tweet_text`."""

import timeit
from collections.abc import Callable

from commands.tweets.text import extract, refusal

ROUNDS = 5
CALLS = 20_000

PLAIN = (
    "Every evening the starlings come in from the fields, turn twice above the old pier and fall out of the sky "
    "like rain. Nobody has ever seen the first one go."
)
TYPICAL = "Dusk at the pier with @wren and @robin: https://example.org/2026/10/starlings?from=pier #murmuration #dusk"
BUSY = (
    "#a1 #b2 #c3 #d4 #e5 @wren @robin @finch @tit @owl example.org/a example.net https://t.co/abc http://b.co.uk/x?y=z"
)
OTHER_SCRIPT = (
    "\u5915\u713c\u3051\u306e\u7a7a\u3092\u3001\u30e0\u30af\u30c9\u30ea\u304c\u98db\u3093\u3067\u3044\u304f\u3002"
    "#\u5915\u713c\u3051 example.jp/\u3092\u898b\u3066"
)

MEASUREMENTS: list[tuple[str, Callable[[str], object], str, float | None]] = [
    ("extract, plain", extract, PLAIN, 2.0),
    ("extract, 2 hashtags + 2 mentions + URL", extract, TYPICAL, 30.0),
    ("extract, 5 hashtags + 5 mentions + 4 URLs", extract, BUSY, None),
    ("extract, Japanese with hashtag and URL", extract, OTHER_SCRIPT, None),
    ("refusal, plain", refusal, PLAIN, None),
]


def microseconds(call: Callable[[str], object], text: str) -> float:
    """Take the best of a few rounds: the others measure the neighbours."""
    return min(timeit.repeat(lambda: call(text), number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def main() -> None:
    """Print one line per kind of text."""
    print(f"{'reading a tweet':44} {'us':>7} {'allowed':>8}")
    for name, call, text, allowed in MEASUREMENTS:
        print(f"{name:44} {microseconds(call, text):7.2f} {'-' if allowed is None else f'{allowed:.0f}':>8}")


if __name__ == "__main__":
    main()
