"""Tweets as the bytes that a page shows, kept with author and counts in them: on servers a page is joined, not made.

A card goes when anything that it shows changes: which cards show what is remembered. One that misses something (an
author, a quoted tweet), which may be there since, goes with the next look. It shows no flags: those are the viewer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from infra.loading import News
from query_api.tweets.hydrate import NO_FLAGS, shown_with
from query_api.tweets.response import tweet_object, with_flags
from query_api.tweets.rules import Shown, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.loading import Loading
    from projections.engagement.read_model import Flags
    from query_api.stores import Readers
    from query_api.tweets.hydrate import Hydrated
    from query_api.tweets.marks import KeptMarks


class Card(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A tweet that shows: whose words it shows, and whose counts and flags."""

    tweet_id: int
    subject_id: int
    quoted_id: int
    author_ids: frozenset[int]
    item: Shown
    body: bytes

    def shows(self) -> set[int]:
        """Return all that it is made of, but for the tweet itself."""
        return {self.subject_id, self.quoted_id, *self.author_ids} - {0, self.tweet_id}


class _Generation:
    """Cards, and what shows on which of them."""

    def __init__(self) -> None:
        self.cards: dict[int, Card] = {}
        self._shown_on: dict[int, set[int]] = {}

    def put(self, card: Card) -> None:
        self.cards[card.tweet_id] = card
        for part in card.shows():
            self._shown_on.setdefault(part, set()).add(card.tweet_id)

    def drop(self, ids: Collection[int]) -> None:
        for part in ids:
            self.cards.pop(part, None)
            for tweet_id in self._shown_on.pop(part, ()):
                self.cards.pop(tweet_id, None)


class Cards:
    """Makes cards, and keeps them: of two generations, see infra.recent."""

    def __init__(self, readers: Readers, entries: int, parts: Sequence[Loading[Any]]) -> None:
        """`parts` are what cards are made from: they tell what changed."""
        self._readers = readers
        self._share = entries // 3
        self._young, self._old = _Generation(), _Generation()
        self._incomplete: set[int] = set()
        self._news = News()
        self._parts = parts
        for part in parts:
            part.followers.append(self)
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._young.cards) + len(self._old.cards)

    def load(self, tweet_ids: Sequence[int]) -> list[Card]:
        """Return, in the order given, the tweets that stand among the ids."""
        found = list(map(self._young.cards.get, tweet_ids))
        if gone := self._readers.standings.gone:
            found = [None if card is None or not gone.isdisjoint(card.author_ids) else card for card in found]
        missing = found.count(None)
        self.hits += len(found) - missing
        if not missing:
            return found  # type: ignore[return-value]  # none of them is None
        return self._completed(tweet_ids, found)

    def _completed(self, tweet_ids: Sequence[int], found: Sequence[Card | None]) -> list[Card]:
        missing = [it for it, card in zip(tweet_ids, found, strict=True) if card is None]
        gone = self._readers.standings.gone
        old = ((it, self._old.cards.get(it)) for it in missing)
        cards = {it: card for it, card in old if card is not None and gone.isdisjoint(card.author_ids)}
        self.hits += len(cards)
        self._keep(cards.values())
        if made := [it for it in missing if it not in cards]:
            self.misses += len(made)
            cards |= self._make(made)
        filled = ((card or cards.get(it)) for it, card in zip(tweet_ids, found, strict=True))
        return [card for card in filled if card is not None]

    def _make(self, tweet_ids: Sequence[int]) -> dict[int, Card]:
        readers = self._readers
        with self._news.heard() as news:
            items = [item for _, item in visible(tweet_ids, readers.hydrate_tweets.load(tweet_ids))]
            hydrated = shown_with(items, NO_FLAGS, readers)
        cards = [_card(item, tweet_object(item, hydrated)) for item in items]
        if all(part.told for part in self._parts):
            kept = [card for card in cards if card.tweet_id not in news and news.isdisjoint(card.shows())]
            self._incomplete.update(card.tweet_id for card in kept if _misses_something(card, hydrated))
            self._keep(kept)
        return {card.tweet_id: card for card in cards}

    def _keep(self, cards: Collection[Card]) -> None:
        for card in cards:
            self._young.put(card)
        if len(self._young.cards) > self._share:
            self._old = self._young if len(self._young.cards) <= 2 * self._share else _Generation()
            self._young = _Generation()

    def drop(self, ids: Collection[int]) -> None:
        """Forget the cards that show what changed."""
        for cards in (self._young, self._old):
            cards.drop(ids)
            cards.drop(self._incomplete)
        self._incomplete.clear()
        self._news.tell(ids)

    def rely(self, told: bool) -> None:
        """Keep none while nobody tells what changed."""
        if not told:
            self._young, self._old = _Generation(), _Generation()
            self._incomplete.clear()

    def marked(self, cards: Collection[Card], flags: Flags) -> dict[int, bytes]:
        """Return the bodies, by tweet, of cards that show something the viewer has marked: with the flags."""
        plain = {card.tweet_id: with_flags(card.body, card.subject_id, flags) for card in cards if not card.quoted_id}
        quotes = [card.item for card in cards if card.quoted_id]  # its flags need not be those of what it quotes
        if quotes:
            hydrated = shown_with(quotes, flags, self._readers)
            plain |= {item.tweet.tweet_id: tweet_object(item, hydrated) for item in quotes}
        return plain


class Ready(NamedTuple):
    """What is kept ready for pages."""

    cards: Cards
    marks: KeptMarks

    def of(self, viewer_id: int, page: Sequence[Card]) -> list[bytes]:
        """Return the bodies of a page's cards as a viewer sees them."""
        shown = [card.subject_id for card in page] + [card.quoted_id for card in page if card.quoted_id]
        flags = self.marks.flags(viewer_id, page[-1].tweet_id if page else 0, shown)
        bodies = [card.body for card in page]
        marked = flags.liked.union(flags.retweeted, flags.bookmarked).intersection(shown)
        if marked:
            mine = [at for at, card in enumerate(page) if card.subject_id in marked or card.quoted_id in marked]
            anew = self.cards.marked([page[at] for at in mine], flags)
            for at in mine:
                bodies[at] = anew[page[at].tweet_id]
        return bodies


def _card(item: Shown, body: bytes) -> Card:
    quoted = item.quoted
    author_ids = {item.author_id, item.subject.author_id, item.author_id if quoted is None else quoted.author_id}
    quoted_id = 0 if quoted is None else quoted.tweet_id
    return Card(item.tweet.tweet_id, item.subject_id, quoted_id, frozenset(author_ids), item, body)


def _misses_something(card: Card, hydrated: Hydrated) -> bool:
    return card.quoted_id != card.item.subject.quoted_id or not hydrated.authors.keys() >= card.author_ids
