"""The read models as of a moment, seen by the rules of now: who may see something is never a thing of the past.

Order, counts, names, follows and the viewer's own flags are the moment's. Hidden is what was hidden then, and what is
now: of those whom the viewer blocks, mutes or is blocked by, of accounts that do not stand any more, and tweets that do
not. Tweets are shown as they are kept now: their words never change. Nothing of it goes into the caches of today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from projections.graph.read_model import Hidden
from query_api.home_timeline.pulled import PulledHomeTimelines
from query_api.stores import Readers
from query_api.tweets.hydrate import TweetHydrator
from query_api.tweets.rules import alone
from query_api.users.response import author_members

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from infra.log.port import TopicPartition
    from projections.accounts.read_model import Account, AccountsReader, Standing
    from projections.accounts.standings import Standings
    from projections.tweets.read_model import TweetsReader
    from query_api.home_timeline.pulled import Together
    from query_api.tweets.rules import Shown

_NOT_OF_THE_MOMENT: Any = None  # what an answer does not read has no generation of the moment, and need not have


def readers_of(moment: Mapping[str, Any], live: Readers, together: Together) -> Readers:
    """Return the moment's readers, by projection, below the rules of the live ones."""
    tweets, graph, engagement = (moment.get(name, _NOT_OF_THE_MOMENT) for name in ("tweets", "graph", "engagement"))
    accounts = PastAccounts(moment.get("accounts", _NOT_OF_THE_MOMENT), live.standings)
    hydrate_tweets = PastTweets(tweets, live.tweets, live.standings)

    def hidden(viewer_id: int) -> Hidden:
        then, now = graph.hidden(viewer_id), live.hidden(viewer_id)
        return Hidden(then.blocked | now.blocked, then.muted | now.muted)

    return Readers(
        accounts=accounts,
        tweets=tweets,
        graph=graph,
        engagement=engagement,
        home_timeline=PulledHomeTimelines(graph, tweets, hydrate_tweets.load, together),
        counts=_NOT_OF_THE_MOMENT if engagement is None else engagement.counts,
        hydrate_tweets=hydrate_tweets,
        hydrate_authors=cast("Any", accounts),
        hidden=hidden,
        standings=live.standings,
        trends=moment.get("trends", _NOT_OF_THE_MOMENT),
    )


class PastAccounts:
    """Accounts as they were, of those that stand (AccountsReader); `load`: as they stand in tweets."""

    def __init__(self, then: AccountsReader, standings: Standings) -> None:
        self._then = then
        self._standings = standings

    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        """Return the accounts that existed among the ids, and stand."""
        return self._then.many(set(user_ids) - self._standings.gone)

    def ids_by_username(self, usernames: Collection[str]) -> dict[str, int]:
        """Return user ids by lower-cased name, for the names that there were."""
        return self._then.ids_by_username(usernames)

    def load(self, user_ids: Collection[int]) -> dict[int, bytes]:
        """Return what stands in tweets for each account."""
        return {user_id: author_members(account) for user_id, account in self.many(user_ids).items()}

    def standings(self) -> dict[int, Standing]:
        """Return those of the moment, which nobody asks for: what counts are those of now."""
        return self._then.standings()

    def changed(self) -> list[int]:
        """Return none: a moment does not change."""
        return []

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return those of the moment."""
        return self._then.checkpoints()


class PastTweets(TweetHydrator):
    """Tweets that stood, and stand, of accounts that stand; none is kept."""

    def __init__(self, then: TweetsReader, now: TweetsReader, standings: Standings) -> None:
        self._then = then
        self._now = now
        self._standings = standings

    def refresh(self) -> None:
        """Nothing: nothing is kept."""

    def _load(self, tweet_ids: Collection[int]) -> dict[int, Shown]:
        tweets, gone = self._now.many(list(self._then.many(tweet_ids))), self._standings.gone
        return {tweet_id: alone(tweet) for tweet_id, tweet in tweets.items() if tweet.author_id not in gone}
