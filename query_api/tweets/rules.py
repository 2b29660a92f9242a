"""Rules: which tweets a viewer may see, and with what of the tweets that they refer to. Pure.

* A tweet that is gone does not show, nor does a retweet of one; a quote of one shows without it.
* Accounts that block each other see nothing of each other, wherever it stands: a retweet of a hidden account's tweet
  is hidden, a quote of one shows without it.
* A mute hides the same from lists that the viewer did not ask that account for: whoever opens a muted account's own
  timeline, one of its tweets, or a bookmark, sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.tweets.read_model import Kind
from query_api.errors import BlockedError, UnknownTweetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from projections.tweets.read_model import Tweet

NOBODY: frozenset[int] = frozenset()


class Shown(NamedTuple):
    """A tweet that shows: what it is about (the original, for a retweet; else itself) and what that quotes."""

    tweet: Tweet
    subject: Tweet
    quoted: Tweet | None


def visible(
    tweet_ids: Iterable[int], tweets: Mapping[int, Tweet], hidden: frozenset[int] = NOBODY
) -> list[tuple[int, Shown]]:
    """Return what shows of the tweets, in the order given, with their ids; `tweets` holds what they refer to, too."""
    items = []
    for tweet_id in tweet_ids:
        tweet = tweets.get(tweet_id)
        if tweet is None or tweet.author_id in hidden:
            continue
        if tweet.kind != Kind.RETWEET and not tweet.quoted_id:
            items.append((tweet_id, Shown(tweet, tweet, None)))
            continue
        subject = tweets.get(tweet.original_id) if tweet.kind == Kind.RETWEET else tweet
        if subject is None or subject.author_id in hidden:
            continue
        quoted = tweets.get(subject.quoted_id) if subject.quoted_id else None
        if quoted is not None and quoted.author_id in hidden:
            quoted = None
        items.append((tweet_id, Shown(tweet, subject, quoted)))
    return items


def subject_id(item: Shown) -> int:
    """Return what a retweet and its original have in common: only one of the two shows on a home page."""
    return item.subject.tweet_id


def check_visible(tweet_id: int, tweets: Mapping[int, Tweet], blocked: frozenset[int]) -> Shown:
    """Return a tweet that was asked for by its id; raises UnknownTweetError or BlockedError."""
    known = visible((tweet_id,), tweets)
    if not known:
        raise UnknownTweetError
    allowed = visible((tweet_id,), tweets, blocked)
    if not allowed:
        raise BlockedError
    return allowed[0][1]
