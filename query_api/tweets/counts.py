"""Counts of tweets, kept for half a second: on servers they cost a round trip and a row a tweet.

They may be KEPT_S behind, and one read (counters are promised to be less than a second behind). While nothing is
applied, what was asked for since the last change was seen holds; what is older may not know of that change, and grows
old. Whoever comes with a consistency token that concerns them has them read anew.

Two generations, of half the time each: what is kept needs no time of its own. A generation holds only what was asked
for after it began.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from projections.engagement.read_model import Counts
from query_api.loading import Loading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Future
    from typing import Any

    from projections.engagement.read_model import CountsRow, EngagementReader
    from query_api.tweets.cards import Card

KEPT_S = 0.5
_NONE = Counts()


class _Kept:
    """Values of two generations (see query_api.recent.Recent); counts its hits and misses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._young: dict[int, CountsRow] = {}
        self._old: dict[int, CountsRow] = {}
        self.young_cards: dict[int, Card] = {}
        self.old_cards: dict[int, Card] = {}
        self.began = self._held_at = self._old_began = clock()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, ids: Collection[int]) -> tuple[dict[int, CountsRow], list[int]]:
        self.turn()
        young, old = self._young, self._old
        found = {wanted: young[wanted] for wanted in ids if wanted in young}
        missing: list[int] = []
        if len(found) < len(ids):
            found |= {wanted: old[wanted] for wanted in ids if wanted in old and wanted not in found}
            missing = [wanted for wanted in ids if wanted not in found]
        self.hits += len(found)
        self.misses += len(missing)
        return found, missing

    def put(self, values: dict[int, CountsRow]) -> None:
        """Nothing: who reads keeps, and knows when it asked."""

    def keep(self, values: dict[int, CountsRow], asked_at: float) -> None:
        self.turn()
        if asked_at >= self.began:
            self._young.update(values)

    def drop(self, ids: Collection[int]) -> None:
        """Nothing: they pass by themselves."""

    def rely(self, told: bool) -> None:
        """Nothing, likewise."""

    def keep_cards(self, cards: Mapping[int, Card]) -> None:
        """Keep each as long as the counts that it shows; one whose counts are not kept is not kept either."""
        self.turn()
        young, old = self._young, self._old
        for tweet_id, card in cards.items():
            counted = (card.subject_id, card.quoted_id) if card.quoted_id else (card.subject_id,)
            if all(it in young for it in counted):
                self.young_cards[tweet_id] = card
            elif all(it in young or it in old for it in counted):
                self.old_cards[tweet_id] = card

    def drop_cards(self) -> None:
        """Keep none of them."""
        self.young_cards, self.old_cards = {}, {}

    def turn(self) -> None:
        """Let go of what is too old."""
        now = self._clock()
        if now - self._held_at >= KEPT_S / 2:
            keeps = now - self._held_at < KEPT_S
            self._old, self.old_cards = (self._young, self.young_cards) if keeps else ({}, {})
            self._old_began = self.began if keeps else now
            self._young, self.young_cards = {}, {}
            self.began = self._held_at = now

    def hold(self, changed_at: float) -> None:
        """Count the age of all that is kept from now on, where all of it was asked for since the change."""
        self.turn()
        if self._old_began >= changed_at:
            self._held_at = self._clock()


class KeptCounts:
    """Reads counts, or has them from a moment ago."""

    def __init__(
        self,
        engagement: EngagementReader,
        wait: Callable[[Future[Any]], Any],
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[], object] = object,
    ) -> None:
        self._engagement = engagement
        self._progress = progress
        self._seen: object = None
        self._changed_at = clock()
        self._clock = clock
        self.kept = _Kept(clock)
        self._loading: Loading[CountsRow] = Loading(self.kept, self.read, wait)

    def refresh(self) -> None:
        """See whether anything was applied since the last look; where not, what was asked for since then holds."""
        seen, self._seen = self._seen, self._progress()
        if self._seen == seen:
            self.kept.hold(self._changed_at)
        else:
            self._changed_at = self._clock()

    def rely(self, told: bool) -> None:
        """Nothing: without looks, what is kept grows old."""

    def load(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the counts of each tweet, as they were KEPT_S ago or later."""
        return self._loading.load(tweet_ids)

    def read(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the counts of each tweet as they are."""
        asked_at = self._clock()
        found = self._engagement.counts(tweet_ids)
        counts = {tweet_id: found.get(tweet_id, _NONE) for tweet_id in tweet_ids}
        self.kept.keep(counts, asked_at)
        return counts
