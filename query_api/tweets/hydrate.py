"""Hydrate: ids to what a tweet shows, in bulk: one call per store and step, none for what is kept.

A tweet never changes, an account rarely: both are kept as they were read, and dropped when their store says that they
were deleted or edited (`refresh`: on files at the start of each request, on servers with each look at them).
Flags are read each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from infra.loading import Loading
from projections.engagement.read_model import Flags
from query_api.tweets.rules import alone
from query_api.users.response import author_members

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from concurrent.futures import Future

    from infra.recent import Recent
    from projections.accounts.read_model import AccountsReader
    from projections.accounts.standings import Standings
    from projections.engagement.read_model import CountsRow
    from projections.tweets.read_model import TweetsReader
    from query_api.stores import Readers
    from query_api.tweets.rules import Shown

_NONE = {0}  # the id in place of one that does not apply
NO_FLAGS = Flags(frozenset(), frozenset(), frozenset())


class Hydrated(NamedTuple):
    """What a page of tweets shows beside the tweets: counts and flags by tweet, author fragments by account."""

    counts: Mapping[int, CountsRow]
    flags: Flags
    authors: Mapping[int, bytes]


class TweetHydrator:
    """Reads tweets with what they refer to."""

    def __init__(
        self,
        tweets: TweetsReader,
        kept: Recent[Shown],
        standings: Standings,
        wait: Callable[[Future[Any]], Any] | None = None,
    ) -> None:
        self._tweets = tweets
        self._standings = standings
        self.loading: Loading[Shown] = Loading(kept, self._many, wait)
        self.rely = self.loading.rely

    def refresh(self) -> None:
        """Forget what was deleted since the last call."""
        self.loading.drop(self._tweets.removed())

    def load(self, tweet_ids: Collection[int]) -> dict[int, Shown]:
        """Return, each alone, the tweets that stand among the ids, the originals of retweets, and what these quote.

        A tweet of an account that is not shown does not stand.
        """
        found = self._load(tweet_ids)
        referring = [item for item in found.values() if item.refers]
        retweeted = {item.tweet.original_id for item in referring if item.tweet.original_id not in found} - _NONE
        if retweeted:
            originals = self._load(retweeted)
            found |= originals
            referring += originals.values()
        quoted = {item.tweet.quoted_id for item in referring if item.tweet.quoted_id not in found} - _NONE
        return found | self._load(quoted) if quoted else found

    def _load(self, tweet_ids: Collection[int]) -> dict[int, Shown]:
        found, gone = self.loading.load(tweet_ids), self._standings.gone
        return {one: it for one, it in found.items() if it.author_id not in gone} if gone else found

    def _many(self, tweet_ids: list[int]) -> dict[int, Shown]:
        return {tweet_id: alone(tweet) for tweet_id, tweet in self._tweets.many(tweet_ids).items()}


class AuthorHydrator:
    """Reads accounts as the fragments that stand in tweets and lists."""

    def __init__(
        self,
        accounts: AccountsReader,
        kept: Recent[bytes],
        standings: Standings,
        wait: Callable[[Future[Any]], Any] | None = None,
    ) -> None:
        self._accounts = accounts
        self._standings = standings
        self.loading: Loading[bytes] = Loading(kept, self._many, wait)
        self.loading.followers.append(standings)  # before what is made from the fragments
        self.rely = self.loading.rely

    def load(self, user_ids: Collection[int]) -> dict[int, bytes]:
        """Return the fragments of those of the accounts that are shown."""
        found, gone = self.loading.load(user_ids), self._standings.gone
        return {one: it for one, it in found.items() if one not in gone} if gone else found

    def refresh(self) -> None:
        """Forget what was edited since the last call."""
        self.loading.drop(self._accounts.changed())

    def _many(self, user_ids: list[int]) -> dict[int, bytes]:
        return {user_id: author_members(account) for user_id, account in self._accounts.many(user_ids).items()}


def details(items: Sequence[Shown], viewer_id: int, readers: Readers) -> Hydrated:
    """Return counts, flags (none for viewer 0) and authors of the tweets that show."""
    flags = readers.engagement.flags(viewer_id, _tweet_ids(items)) if viewer_id else NO_FLAGS
    return shown_with(items, flags, readers)


def shown_with(items: Sequence[Shown], flags: Flags, readers: Readers) -> Hydrated:
    """Return the same where the flags are known."""
    user_ids = {item.author_id for item in items}
    for item in items:
        if item.refers:
            user_ids.add(item.subject.author_id)
            if item.quoted is not None:
                user_ids.add(item.quoted.author_id)
    return Hydrated(readers.counts(_tweet_ids(items)), flags, readers.hydrate_authors.load(user_ids))


def _tweet_ids(items: Sequence[Shown]) -> list[int]:
    """Return the tweets whose counts and flags show."""
    return [item.subject_id for item in items] + [
        item.quoted.tweet_id for item in items if item.refers and item.quoted is not None
    ]
