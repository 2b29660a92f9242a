"""What is kept ready on servers, and what becomes of it when something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from infra import bridge
from infra.recent import Recent
from projections.accounts.read_model import Account, Standing
from projections.accounts.standings import Standings
from projections.engagement.read_model import Counts, Flags, Marks
from projections.tweets.read_model import Kind, Tweet
from query_api.stores import Readers
from query_api.tweets.cards import Cards, Ready
from query_api.tweets.counts import KeptCounts
from query_api.tweets.hydrate import AuthorHydrator, TweetHydrator
from query_api.tweets.marks import KeptMarks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ANN, BOB, VIEWER = 1, 2, 3
NEVER = Flags(frozenset(), frozenset(), frozenset())


class Town:
    """Read models that are dictionaries, in one place; they count what is asked, and say what changed."""

    def __init__(self) -> None:
        self.tweets: dict[int, Tweet] = {}
        self.names = {ANN: "Ann", BOB: "Bob"}
        self.likes: dict[int, int] = {}
        self.liked: set[int] = set()
        self.crowded = False
        self.asked: list[str] = []
        self.news: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def post(self, tweet_id: int, author: int = ANN, original: int = 0, quoted: int = 0) -> None:
        kind = Kind.RETWEET if original else Kind.QUOTE_TWEET if quoted else Kind.TWEET
        body = b'"tweet_id":"%d"' % tweet_id
        self.tweets[tweet_id] = Tweet(tweet_id, author, kind, tweet_id, 0, 0, original, 0, quoted, body)

    def many(self, ids: list[int]) -> dict[int, Any]:
        self.asked.append("many")
        return {it: self.tweets[it] for it in ids if it in self.tweets}

    def counts(self, ids: Collection[int]) -> dict[int, tuple[int, int, int, int]]:
        self.asked.append("counts")
        found = {it: (self.likes[it], 0, 0, 0) for it in ids if it in self.likes}
        self.meanwhile()
        return found

    def flags(self, viewer_id: int, ids: Collection[int]) -> Flags:
        assert viewer_id == VIEWER
        self.asked.append("flags")
        return NEVER._replace(liked=frozenset(self.liked.intersection(ids)))

    def marks(self, viewer_id: int, since_id: int, ids: Collection[int]) -> Marks | None:
        assert viewer_id == VIEWER
        self.asked.append("marks")
        found = NEVER._replace(liked=frozenset(self.liked))
        self.meanwhile()
        return None if self.crowded else Marks(since_id, 1_000, frozenset(it for it in ids if it < since_id), found)

    def changed(self) -> list[int]:
        news, self.news = self.news, []
        return news

    removed = changed


class Accounts:
    def __init__(self, town: Town) -> None:
        self._town = town
        self.changed = town.changed

    def standings(self) -> dict[int, Standing]:
        return {}

    def many(self, ids: list[int]) -> dict[int, Account]:
        names = self._town.names
        return {
            it: Account(it, names[it].lower(), names[it], "", "", "", "", False, "ACTIVE", 0)
            for it in ids
            if it in names
        }


class Kept:
    """What the query process keeps of a town."""

    def __init__(self, entries: int = 300) -> None:
        self.town = town = Town()
        reader: Any = town
        standings = Standings(lambda: 0)
        tweets = TweetHydrator(reader, Recent(entries), standings, bridge.wait)
        accounts: Any = Accounts(town)
        authors = AuthorHydrator(accounts, Recent(entries), standings, bridge.wait)
        self.counts = KeptCounts(reader, entries, bridge.wait)
        self.marks = KeptMarks(reader, entries)
        self.counts.loading.followers.append(self.marks)
        readers = Readers(
            accounts=accounts,
            tweets=reader,
            graph=reader,
            engagement=reader,
            home_timeline=reader,
            counts=self.counts.load,
            hydrate_tweets=tweets,
            hydrate_authors=authors,
            hidden=reader,
            standings=standings,
        )
        self.followed = (tweets, authors, self.counts)
        self.cards = Cards(readers, entries, (tweets.loading, authors.loading, self.counts.loading))
        self.ready = Ready(self.cards, self.marks)
        self.rely(told=True)

    def rely(self, *, told: bool) -> None:
        for each in self.followed:
            each.rely(told)

    def look(self, *changed: int) -> None:
        """Let all hear what changed."""
        for each in self.followed:
            self.town.news = list(changed)
            each.refresh()

    def page(self, *ids: int) -> list[Any]:
        return [orjson.loads(body) for body in self.ready.of(VIEWER, self.cards.load(ids))]


def test_a_page_that_was_shown_once_is_read_from_no_store() -> None:
    kept = Kept()
    kept.town.post(8)
    kept.town.post(9, BOB)
    first = kept.page(9, 8)
    kept.town.asked.clear()
    kept.look()
    assert kept.page(9, 8) == first
    assert kept.town.asked == []
    assert (kept.cards.hits, kept.cards.misses, kept.marks.hits, kept.marks.misses) == (2, 2, 1, 1)


def test_a_card_shows_what_changed_of_all_that_stands_on_it() -> None:
    kept = Kept()
    kept.town.post(7)
    kept.town.post(8, BOB, quoted=7)
    kept.town.post(9, ANN, original=8)
    kept.page(9)
    kept.town.likes = {8: 5, 7: 6}
    kept.look(8, 7)
    (retweet,) = kept.page(9)
    assert (retweet["likes_count"], retweet["retweeted_tweet"]["likes_count"]) == (5, 5)
    assert retweet["retweeted_tweet"]["quoted_tweet"]["likes_count"] == 6
    kept.town.names[BOB] = "Robert"
    kept.look(BOB)
    assert kept.page(9)[0]["retweeted_tweet"]["user"]["display_name"] == "Robert"
    del kept.town.tweets[7]
    kept.look(7)
    assert kept.page(9)[0]["retweeted_tweet"]["quoted_tweet"] is None
    del kept.town.tweets[8]
    kept.look(8)
    assert kept.page(9) == []


def test_a_card_that_misses_something_goes_with_the_next_look() -> None:
    kept = Kept()
    kept.town.post(8, BOB, quoted=7)
    del kept.town.names[BOB]
    (first,) = kept.page(8)
    assert (first["quoted_tweet"], first["user"]["display_name"]) == (None, "")
    kept.town.post(7)
    kept.town.names[BOB] = "Bob"
    assert kept.page(8) == [first]
    kept.look()
    (second,) = kept.page(8)
    assert (second["quoted_tweet"]["tweet_id"], second["user"]["display_name"]) == ("7", "Bob")


def test_what_changes_while_it_is_read_is_shown_once_and_not_kept() -> None:
    kept = Kept()
    kept.town.post(8)

    def like() -> None:
        kept.town.meanwhile = lambda: None
        kept.town.likes[8] = 1
        kept.town.liked.add(8)
        kept.look(8, VIEWER)

    kept.town.meanwhile = like
    assert kept.page(8)[0]["likes_count"] == 0
    assert kept.page(8)[0]["likes_count"] == 1


def test_a_viewers_mark_shows_when_the_store_tells_of_it() -> None:
    kept = Kept()
    kept.town.post(8)
    kept.town.post(9, BOB, original=8)
    kept.page(9, 8)
    kept.town.liked = {8}
    assert not kept.page(9, 8)[0]["liked"]
    kept.look(VIEWER)
    assert [it["liked"] for it in kept.page(9, 8)] == [True, True]


def test_marks_are_asked_for_where_what_is_kept_does_not_tell_of_a_tweet() -> None:
    kept = Kept()
    for tweet_id in (6, 7, 8, 1_001):
        kept.town.post(tweet_id)
    kept.town.post(9, BOB, original=6)
    for page, asks in (((9, 8), True), ((8,), False), ((9,), False), ((8, 7), True), ((8,), False), ((1_001,), True)):
        kept.town.asked.clear()
        kept.page(*page)
        assert ("marks" in kept.town.asked) is asks


def test_those_of_a_viewer_who_left_very_many_are_read_each_time() -> None:
    kept = Kept()
    kept.town.post(8)
    kept.town.liked = {8}
    kept.town.crowded = True
    assert kept.page(8)[0]["liked"]
    kept.town.liked.clear()
    assert not kept.page(8)[0]["liked"]


@pytest.mark.parametrize("part", range(3))
def test_nothing_is_kept_while_one_store_does_not_tell_what_changes(part: int) -> None:
    kept = Kept()
    kept.town.post(8)
    kept.page(8)
    kept.followed[part].rely(told=False)
    assert len(kept.cards) == 0
    kept.page(8)
    assert len(kept.cards) == 0
    kept.rely(told=True)
    kept.page(8)
    assert len(kept.cards) == 1


def test_cards_stay_within_their_bound_and_the_hot_ones_stay() -> None:
    kept = Kept(entries=9)
    for tweet_id in range(100, 200):
        kept.town.post(tweet_id)
    kept.page(100)
    for tweet_id in range(101, 200):
        kept.page(tweet_id)
        misses = kept.cards.misses
        kept.page(100)
        assert kept.cards.misses == misses
        assert len(kept.cards) <= 9


def test_the_counts_of_a_tweet_that_nobody_engaged_with_are_kept_too() -> None:
    kept = Kept()
    kept.town.likes[8] = 1
    assert kept.counts.load([8, 9]) == {8: (1, 0, 0, 0), 9: Counts()}
    assert kept.counts.load([8, 9]) == {8: (1, 0, 0, 0), 9: Counts()}
    assert kept.town.asked == ["counts"]
    kept.town.likes[9] = 1
    kept.look(9)
    assert kept.counts.load([8, 9]) == {8: (1, 0, 0, 0), 9: (1, 0, 0, 0)}
