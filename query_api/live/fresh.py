"""Tweets that were posted a moment ago, as the home timeline shows them; made from the event, not from a projection.

What a tweet itself says comes from its event; its author's card, the original of a retweet and what is quoted come from
what the process keeps, or from the read models. Nobody has marked a tweet that is new; of an older one that it refers
to, each viewer's marks are read, many viewers in one question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.tweets.hydrate import NO_FLAGS, shown_with
from query_api.tweets.response import tweet_object
from query_api.tweets.rules import Shown, alone, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from projections.engagement.read_model import Flags
    from projections.tweets.read_model import Tweet
    from query_api.live.index import Viewer
    from query_api.stores import Readers
    from query_api.tweets.hydrate import Hydrated

MOST_MARKED = 1_000
"""Viewers of one tweet whose marks are read, some 5 ms on files; what more viewers are shown has no marks."""


class Fresh:
    """A new tweet that shows, and its bytes."""

    __slots__ = ("_flags", "_hydrated", "body", "item")

    def __init__(self, item: Shown, hydrated: Hydrated, flags: Mapping[int, Flags]) -> None:
        self.item = item
        self._hydrated = hydrated
        self._flags = flags
        self.body = tweet_object(item, hydrated)

    def body_for(self, viewer: Viewer) -> bytes:
        """Return what a viewer is shown: with the viewer's marks, and without what is quoted where that is hidden."""
        item = self.item
        flags = self._flags.get(viewer.user_id)
        hidden = item.quoted is not None and viewer.hides(item.quoted.author_id)
        if flags is None and not hidden:
            return self.body
        if hidden:
            item = Shown(item.tweet, item.subject, None, item.author_id, item.subject_id, item.refers, item.body)
        return tweet_object(item, self._hydrated._replace(flags=flags or NO_FLAGS))


class FreshTweets:
    """Makes them, many at once."""

    def __init__(self, readers: Callable[[], Readers]) -> None:
        self._readers = readers

    def __call__(self, tweets: Sequence[Tweet], audience: Callable[[Tweet], Sequence[Viewer]]) -> dict[int, Fresh]:
        """Return those that show, by id: a retweet of a tweet that is gone does not. May wait, on servers."""
        if not tweets:
            return {}
        readers = self._readers()
        tweets = [tweet for tweet in tweets if tweet.author_id not in readers.standings.gone]
        known = {tweet.tweet_id: alone(readers.located.tweet(tweet)) for tweet in tweets}
        referred = {it for tweet in tweets for it in (tweet.original_id, tweet.quoted_id) if it} - known.keys()
        if referred:
            known |= readers.hydrate_tweets.load(referred)
        items = [item for _, item in visible([tweet.tweet_id for tweet in tweets], known)]
        hydrated = shown_with(items, NO_FLAGS, readers)
        return {it.tweet.tweet_id: Fresh(it, hydrated, self._flags(it, audience, readers)) for it in items}

    def _flags(
        self, item: Shown, audience: Callable[[Tweet], Sequence[Viewer]], readers: Readers
    ) -> Mapping[int, Flags]:
        """Return the marks that viewers have left on what the tweet refers to."""
        if not item.refers:
            return {}
        about = {item.subject_id, 0 if item.quoted is None else item.quoted.tweet_id} - {0, item.tweet.tweet_id}
        viewers = [viewer.user_id for viewer in audience(item.tweet)[:MOST_MARKED]]
        if not about or not viewers:
            return {}
        found = readers.engagement.flags_of_many(viewers, about)
        return {viewer_id: flags for viewer_id, flags in found.items() if any(flags)}
