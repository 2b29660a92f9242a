"""Reads tweets on Scylla or Cassandra: see projections.tweets.cql_layout for where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.cql.many import read_many
from infra.cql.projection_store import CqlTellingReader
from infra.cql.session import Call
from projections.tweets.cql_layout import BUCKETS, CONVERSATION, QUOTES, REPLIES, era
from projections.tweets.read_model import PROJECTION, Tweet
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


SLACK_ROWS = 8  # read beyond what is wanted of a list, as some of it was removed
MOST_ROWS = 4_000  # of one question: an answer of the driver ends at 5,000
MOST_ERAS = 32

_MANY = f"SELECT {', '.join(Tweet._fields)}, removed, buried FROM tweets{{g}} WHERE tweet_id IN ?"
_ERAS = "SELECT era FROM tweet_eras{g} WHERE author_id = ? AND era <= ?"
_BY_AUTHOR = (
    "SELECT era, tweet_id, removed, buried FROM tweets_by_author{g} "
    "WHERE author_id = ? AND era IN ? AND tweet_id < ? PER PARTITION LIMIT ?"
)
_LIST = (
    "SELECT bucket, tweet_id, removed FROM tweet_lists{g} "
    "WHERE list = ? AND owner_id = ? AND bucket IN ? AND tweet_id < ? PER PARTITION LIMIT ?"
)
_COUNTS = "SELECT author_id, n FROM author_counts{g} WHERE author_id IN ?"
_BURIED = (
    "SELECT author_id, COUNT(tweet_id), COUNT(removed) FROM buried_tweets{g} WHERE author_id IN ? GROUP BY author_id"
)


class CqlTweetsReader(CqlTellingReader):
    """Reads tweets (TweetsReader)."""

    PROJECTION = PROJECTION
    SCHEMA_VERSION = 2

    def many(self, tweet_ids: Collection[int]) -> dict[int, Tweet]:
        """Return the tweets that stand among the ids."""
        found = read_many(self.session, self.cql(_MANY), tweet_ids)
        return {row[0]: Tweet._make(row[:-2]) for row in found if row[1] is not None and not row[-2] and not row[-1]}

    def by_author(self, author_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return an author's tweets, replies, quotes and retweets."""
        below = MAX_ID if max_id is None else max_id
        eras = [row[0] for row in self.session.run(self.cql(_ERAS), (author_id, era(below)))]
        found: list[int] = []
        at_once = 1
        while eras and len(found) < limit:
            found += self._newest(_BY_AUTHOR, (author_id,), eras[:at_once], below, limit - len(found))
            eras = eras[at_once:]
            at_once = min(2 * at_once, MOST_ERAS)  # who wrote little in one era has, likely, in those before
        return found

    def replies(self, parent_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the direct replies to a tweet."""
        return self._list(REPLIES, parent_id, max_id, limit)

    def quotes(self, quoted_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the tweets that quote a tweet."""
        return self._list(QUOTES, quoted_id, max_id, limit)

    def conversation(self, conversation_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the replies, at any depth, of a conversation (without its root)."""
        return self._list(CONVERSATION, conversation_id, max_id, limit)

    def counts_by_author(self, author_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each author stand (all kinds); an author without any may be absent."""
        buried = {row[0]: row[1] - row[2] for row in read_many(self.session, self.cql(_BURIED), author_ids)}
        found = read_many(self.session, self.cql(_COUNTS), author_ids)
        counts = {author_id: n - buried.get(author_id, 0) for author_id, n in found}
        return {author_id: n for author_id, n in counts.items() if n > 0}

    def removed(self) -> list[int]:
        """Return the ids of the tweets that were deleted or moderated since the last call: caches drop them."""
        return self._changes.new()

    def _list(self, which: int, owner_id: int, max_id: int | None, limit: int) -> list[int]:
        below = MAX_ID if max_id is None else max_id
        return self._newest(_LIST, (which, owner_id), range(BUCKETS), below, limit)

    def _newest(
        self, statement: str, key: Sequence[Any], partitions: Sequence[int], below: int, limit: int
    ) -> list[int]:
        """Return the newest `limit` ids that stand in these partitions of a list.

        Rows are (partition, id, flag …); one with a flag does not stand. A partition is read on while it may still hold
        an id above the last one found.
        """
        found: list[int] = []
        unread = dict.fromkeys(partitions, below)  # of each partition, what is below is not read yet
        rows_each = min(limit + SLACK_ROWS, MOST_ROWS // len(partitions))
        while unread:
            calls = [
                Call(self.cql(statement), (*key, [it for it in unread if unread[it] == cursor], cursor, rows_each))
                for cursor in set(unread.values())
            ]
            read: dict[int, list[int]] = {}
            for partition, tweet_id, *flags in (row for rows in self.session.run_all(calls) for row in rows):
                read.setdefault(partition, []).append(tweet_id)
                if not any(flags):
                    found.append(tweet_id)
            found = sorted(found, reverse=True)[:limit]
            last = found[-1] if len(found) == limit else 0
            unread = {it: ids[-1] for it, ids in read.items() if len(ids) == rows_each and ids[-1] > last}
        return found
