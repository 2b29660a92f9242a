"""Tweets that were posted a moment ago, as the home timeline shows them; made from the event, not from a projection.

What a tweet itself says comes from its event; its author's card, the original of a retweet and what is quoted come from
what the process keeps, or from the read models. Nobody has marked a tweet that is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.tweets.hydrate import NO_FLAGS, shown_with
from query_api.tweets.response import tweet_object
from query_api.tweets.rules import alone, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from projections.tweets.read_model import Tweet
    from query_api.live.index import Viewer
    from query_api.stores import Readers
    from query_api.tweets.hydrate import Hydrated
    from query_api.tweets.rules import Shown


class Fresh:
    """A new tweet that shows, and its bytes."""

    __slots__ = ("_hydrated", "_without_quote", "body", "item")

    def __init__(self, item: Shown, hydrated: Hydrated) -> None:
        self.item = item
        self._hydrated = hydrated
        self.body = tweet_object(item, hydrated)
        self._without_quote = b""

    @property
    def quoted_author(self) -> int:
        """Return whose tweet is quoted; 0 where none is."""
        return 0 if self.item.quoted is None else self.item.quoted.author_id

    def body_for(self, viewer: Viewer) -> bytes:
        """Return what a viewer is shown: without what is quoted, where that is hidden from the viewer."""
        return self.without_quote() if self.quoted_author and viewer.hides(self.quoted_author) else self.body

    def without_quote(self) -> bytes:
        """Return what somebody is shown who does not see the tweet that is quoted."""
        if not self._without_quote:
            item = self.item
            hidden = type(item)(item.tweet, item.subject, None, item.author_id, item.subject_id, item.refers, item.body)
            self._without_quote = tweet_object(hidden, self._hydrated)
        return self._without_quote


class FreshTweets:
    """Makes them, many at once."""

    def __init__(self, readers: Callable[[], Readers]) -> None:
        self._readers = readers

    def __call__(self, tweets: Sequence[Tweet]) -> dict[int, Fresh]:
        """Return those that show, by id: a retweet of a tweet that is gone does not. May wait, on servers."""
        if not tweets:
            return {}
        readers = self._readers()
        known = {tweet.tweet_id: alone(tweet) for tweet in tweets}
        referred = {it for tweet in tweets for it in (tweet.original_id, tweet.quoted_id) if it} - known.keys()
        if referred:
            known |= readers.hydrate_tweets.load(referred)
        items = [item for _, item in visible([tweet.tweet_id for tweet in tweets], known)]
        hydrated = shown_with(items, NO_FLAGS, readers)
        return {item.tweet.tweet_id: Fresh(item, hydrated) for item in items}
