"""Rules: which tweets a viewer may see, and with what of the tweets that they refer to. Pure.

* A tweet that is gone does not show, nor does a retweet of one; a quote of one shows without it.
* Accounts that block each other see nothing of each other, wherever it stands: a retweet of a hidden account's tweet
  is hidden, a quote of one shows without it.
* A mute hides the same from lists that the viewer did not ask that account for: whoever opens a muted account's own
  timeline, one of its tweets, or a bookmark, sees it.
* A tweet that moderators have hidden shows to its author alone, where the author asks for it, with a notice.
* What has a limited reach, the tweet or its author's account, shows to who follows the author, and to who asks for it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
import orjson

from projections.tweets.read_model import Tweet
from query_api.errors import BlockedError, UnknownTweetError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NOBODY: frozenset[int] = frozenset()


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A tweet that shows: what it is about (the original, for a retweet; else itself) and what that quotes.

    Ids and body stand beside the tweets because a page asks for each of them: most tweets need not be looked at.
    """

    tweet: Tweet
    subject: Tweet
    quoted: Tweet | None
    author_id: int
    subject_id: int
    refers: bool  # to another tweet, which shows or hides with it
    body: bytes
    withheld: bool = False  # moderators have hidden it


def alone(tweet: Tweet) -> Shown:
    """Return a tweet without what it refers to: what most tweets show, made once and kept."""
    refers = bool(tweet.original_id or tweet.quoted_id)
    if tweet.hidden or tweet.label:
        tweet = tweet._replace(body=notice(tweet) + tweet.body)
        return Shown(tweet, tweet, None, tweet.author_id, tweet.tweet_id, refers, tweet.body, tweet.hidden)
    return Shown(tweet, tweet, None, tweet.author_id, tweet.tweet_id, refers, tweet.body)


def notice(tweet: Tweet) -> bytes:
    """Return the member that says what moderators have decided about a tweet."""
    return b'"moderation":%s,' % orjson.dumps({"hidden": bool(tweet.hidden), "label": tweet.label or None})


def visible(
    tweet_ids: Collection[int], known: Mapping[int, Shown], hidden: frozenset[int] = NOBODY, viewer_id: int = 0
) -> list[tuple[int, Shown]]:
    """Return what shows of the tweets, in the order given, with their ids.

    `known` holds each tweet that stands, alone, and what it refers to likewise. `viewer_id`: who is shown its own
    tweets that moderators have hidden.
    """
    items = []
    for tweet_id, item in zip(tweet_ids, map(known.get, tweet_ids), strict=True):
        if item is None or item.author_id in hidden or (item.withheld and item.author_id != viewer_id):
            continue
        shown = _with_references(item.tweet, known, hidden) if item.refers else item
        if shown is not None:
            items.append((tweet_id, shown))
    return items


def _with_references(tweet: Tweet, known: Mapping[int, Shown], hidden: frozenset[int]) -> Shown | None:
    original = known.get(tweet.original_id)
    subject = original.tweet if original is not None else tweet
    if tweet.original_id and (original is None or original.withheld or original.author_id in hidden):
        return None
    quoted = known.get(subject.quoted_id)
    if quoted is not None and (quoted.withheld or quoted.author_id in hidden):
        quoted = None
    quote = quoted.tweet if quoted else None
    return Shown(
        tweet, subject, quote, tweet.author_id, subject.tweet_id, refers=True, body=tweet.body, withheld=tweet.hidden
    )


subject_id = attrgetter("subject_id")
"""What a retweet and its original have in common: only one of the two shows on a home page."""


def is_limited(item: Shown, limited: Collection[int]) -> bool:
    """Tell whether what a tweet is about has a limited reach."""
    return item.subject.limited or item.subject.author_id in limited


def check_visible(tweet_id: int, known: Mapping[int, Shown], blocked: frozenset[int], viewer_id: int = 0) -> Shown:
    """Return a tweet that was asked for by its id; raises UnknownTweetError or BlockedError."""
    if not visible((tweet_id,), known, NOBODY, viewer_id):
        raise UnknownTweetError
    allowed = visible((tweet_id,), known, blocked, viewer_id)
    if not allowed:
        raise BlockedError
    return allowed[0][1]
