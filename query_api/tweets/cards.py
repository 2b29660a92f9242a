"""Tweets as the bytes that a page shows, kept with the counts in them: on servers a page is then joined, not made.

A card is as old as the oldest counts that it shows (query_api.tweets.counts), and goes with the first tweet that is
deleted and the first account that is edited: which cards show it nobody remembers, and making them anew costs little.
It shows no flags: those are the viewer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from query_api.tweets.hydrate import NO_FLAGS, shown_with
from query_api.tweets.response import tweet_object
from query_api.tweets.rules import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.engagement.read_model import Flags
    from query_api.stores import Readers
    from query_api.tweets.counts import KeptCounts
    from query_api.tweets.rules import Shown


class Card(NamedTuple):
    """A tweet that shows: whose words it shows, and whose counts and flags."""

    item: Shown
    author_id: int
    subject_id: int
    others: tuple[int, ...]  # further authors
    quoted_id: int
    body: bytes


class Cards:
    """Makes cards, and keeps them."""

    def __init__(self, readers: Readers, counts: KeptCounts) -> None:
        self._readers = readers
        self._kept = counts.kept
        self._version = -1

    def load(self, tweet_ids: Sequence[int]) -> list[tuple[int, Card]]:
        """Return, in the order given, the tweets that stand among the ids."""
        kept = self._kept
        kept.turn()
        self._follow_changes()
        young, old = kept.young_cards, kept.old_cards
        found = [(it, young.get(it) or old.get(it)) for it in tweet_ids]
        missing = [it for it, card in found if card is None]
        if not missing:
            return found  # type: ignore[return-value]  # none of them is None
        made = self._make(missing)
        return [(it, card or made[it]) for it, card in found if card or it in made]

    def _make(self, tweet_ids: Sequence[int]) -> dict[int, Card]:
        readers, version = self._readers, self._version
        items = [item for _, item in visible(tweet_ids, readers.hydrate_tweets.load(tweet_ids))]
        hydrated = shown_with(items, NO_FLAGS, readers)
        cards = {item.tweet.tweet_id: _card(item, tweet_object(item, hydrated)) for item in items}
        self._follow_changes()
        if readers.hydrate_tweets.told and self._version == version:
            self._kept.keep_cards(cards)
        return cards

    def _follow_changes(self) -> None:
        version = self._readers.hydrate_tweets.version + self._readers.hydrate_authors.version
        if version != self._version:
            self._kept.drop_cards()
            self._version = version

    def with_flags(self, cards: Sequence[Card], flags: Flags) -> list[bytes]:
        """Return the bodies; those that the viewer has marked are made anew."""
        marked = flags.liked | flags.retweeted | flags.bookmarked
        if not marked:
            return [card.body for card in cards]
        mine = [card.item for card in cards if card.subject_id in marked or card.quoted_id in marked]
        hydrated = shown_with(mine, flags, self._readers)
        anew = {item.tweet.tweet_id: tweet_object(item, hydrated) for item in mine}
        return [anew.get(card.item.tweet.tweet_id) or card.body for card in cards] if anew else [c.body for c in cards]


def _card(item: Shown, body: bytes) -> Card:
    quoted = item.quoted
    others = {item.subject.author_id, item.author_id if quoted is None else quoted.author_id} - {item.author_id}
    return Card(item, item.author_id, item.subject_id, tuple(others), 0 if quoted is None else quoted.tweet_id, body)
