"""Scores an account at each of its tweets, from its last ones. Pure: event time only, memory bounded.

The score is the sum of five parts, each between 0 and 1 and each with its weight, times how young the account is:

    repeats   of the other tweets, how many are near-duplicates of this one
    rate      tweets of the last ten minutes, 15 are 1
    links     tweets that link somewhere
    hosts     of the links, those to the host that most of them go to
    mentions  different accounts that are named, two a tweet are 1
    age       1 for an account that is new, 0 after two weeks; an old one keeps 60 % of its score

The weights were set by hand, so that no part reaches half by itself; docs/moderation.md says what they find.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from projections.spam.features import Signature, alike
from schemas.ids import unix_ms

WINDOW = 20
DAY_MS, BURST_MS, YOUNG_MS = 86_400_000, 600_000, 14 * 86_400_000
BURST = 15
FEWEST = 4
"""Tweets before which nothing is said about an account."""
FEWEST_LINKS = 3
WEIGHTS = {"repeats": 0.30, "rate": 0.20, "links": 0.20, "hosts": 0.10, "mentions": 0.20}
OLD_SHARE = 0.6


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one tweet; some 100 bytes."""

    tweet_id: int
    at_ms: int
    signature: Signature
    hosts: tuple[str, ...]
    mentions: tuple[int, ...]


class Scored(NamedTuple):
    """An account's score at a tweet, and its parts, unweighted."""

    total: float
    parts: dict[str, float]


NOTHING = Scored(0.0, {})


def remembered(window: tuple[Seen, ...], tweet: Seen) -> tuple[Seen, ...]:
    """Return the window with one more tweet: WINDOW of them, of one day."""
    return (*(it for it in window[-WINDOW + 1 :] if tweet.at_ms - it.at_ms < DAY_MS), tweet)


def score(user_id: int, window: tuple[Seen, ...]) -> Scored:
    """Score an account at the last tweet of its window."""
    many = len(window)
    if many < FEWEST:
        return NOTHING
    last = window[-1]
    linking = [it for it in window if it.hosts]
    to_hosts = Counter(host for it in linking for host in it.hosts)
    parts = {
        "repeats": sum(alike(it.signature, last.signature) for it in window[:-1]) / (many - 1),
        "rate": min(1.0, sum(last.at_ms - it.at_ms < BURST_MS for it in window) / BURST),
        "links": len(linking) / many,
        "hosts": max(to_hosts.values()) / len(linking) if len(linking) >= FEWEST_LINKS else 0.0,
        "mentions": min(1.0, len({user for it in window for user in it.mentions}) / (2 * many)),
        "age": max(0.0, 1 - max(0, last.at_ms - unix_ms(user_id)) / YOUNG_MS),
    }
    weighed = sum(weight * parts[name] for name, weight in WEIGHTS.items())
    return Scored(weighed * (OLD_SHARE + (1 - OLD_SHARE) * parts["age"]), parts)
