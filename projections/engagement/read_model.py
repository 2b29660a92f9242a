"""What may be read about engagement: shapes and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "engagement"
TOPICS = ("tweets", "engagements")


class Counts(NamedTuple):
    """How often a tweet was engaged with; deleted replies and quotes do not count."""

    likes: int = 0
    retweets: int = 0
    replies: int = 0
    quotes: int = 0


CountsRow = tuple[int, int, int, int]
"""The fields of Counts: a page asks for two hundred, and naming them costs half as much as reading them."""


class Flags(NamedTuple):
    """Which of the tweets asked for the viewer has liked, retweeted, bookmarked."""

    liked: frozenset[int]
    retweeted: frozenset[int]
    bookmarked: frozenset[int]


class Marks(NamedTuple):
    """All that a viewer did with tweets from `since_id` to below `before_id`, and with those in `besides`."""

    since_id: int
    before_id: int
    besides: frozenset[int]
    flags: Flags

    def tell_of(self, tweet_ids: Collection[int]) -> bool:
        """Tell whether all of the tweets are among those."""
        since = self.since_id
        older = [it for it in tweet_ids if it < since]
        return max(tweet_ids, default=0) < self.before_id and self.besides.issuperset(older)


class Mark(NamedTuple):
    """One entry of a list and its time (unix milliseconds): also the key that the next page begins below.

    `id` is a user's where a tweet's likers are listed, a tweet's where a user's bookmarks are.
    """

    at_ms: int
    id: int


class Like(NamedTuple):
    """A like as who gave it is shown it: of which tweet, whose that is, since when (unix milliseconds)."""

    tweet_id: int
    author_id: int
    at_ms: int


class EngagementReader(ProjectionReader, Protocol):
    """Counts, flags and lists; lists are newest first, below `before` (exclusive; None: from the newest)."""

    def counts(self, tweet_ids: Collection[int]) -> dict[int, CountsRow]:
        """Return the fields of Counts of each tweet; a tweet nobody engaged with may be absent."""

    def flags(self, viewer_id: int, tweet_ids: Collection[int]) -> Flags:
        """Return what the viewer did with the tweets."""

    def flags_of_many(self, viewer_ids: Collection[int], tweet_ids: Collection[int]) -> dict[int, Flags]:
        """Return what each of the viewers did with the tweets; one who did nothing may be absent."""

    def likers(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who likes the tweet."""

    def retweeters(self, tweet_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return who retweeted the tweet."""

    def bookmarks(self, user_id: int, before: Mark | None, limit: int) -> list[Mark]:
        """Return the tweets that the account keeps."""

    def likes(self, user_id: int, after_id: int, limit: int) -> list[Like]:
        """Return the tweets that the account likes, by ascending id above `after_id`."""

    def retweet_id(self, user_id: int, original_id: int) -> int | None:
        """Return the id of the account's own retweet of a tweet, or None."""

    def interactions(self, viewer_id: int, author_ids: Collection[int]) -> dict[int, int]:
        """Return how often the viewer liked, retweeted, replied to or quoted each author; absent: never."""
