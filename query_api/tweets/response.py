"""Present: tweets as bytes. Fragments, counts and flags are joined, never parsed: see docs/queries.md for the figures.

A retweet shows the counts and flags of its original, outside and inside: it has none of its own. What a tweet quotes
is shown one level deep, and null where it is gone or hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.engagement.read_model import Counts, CountsRow
from query_api.pages import page
from query_api.users.response import unknown_author_members
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.engagement.read_model import Flags
    from projections.tweets.read_model import Tweet
    from query_api.tweets.hydrate import Hydrated
    from query_api.tweets.rules import Shown

_BOOL = (b"false", b"true")
_FLAGS = [
    b',"liked":%s,"retweeted":%s,"bookmarked":%s' % (_BOOL[i & 1], _BOOL[i >> 1 & 1], _BOOL[i >> 2]) for i in range(8)
]
_USER = b',"user":{'
_NEXT = b"},{"
_REFERS_TO_NONE = b',"retweeted_tweet":null,"quoted_tweet":null' + _NEXT
_PARTS = 5  # of a tweet: what never changes, a seam, its author, counts and flags, what it refers to
_NO_COUNTS = Counts()
_COUNTS_KEPT = 16_384  # most tweets share few combinations of counts; 16 K small strings are some 3 MB


def tweet_page(
    items: Sequence[Shown],
    hydrated: Hydrated,
    next_max_id: int | None,
    *,
    member: str = "tweets",
    scores: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return a page of tweets; `scores` adds a member `score` by tweet id."""
    next_value = None if next_max_id is None else to_uuid(next_max_id)
    return page(member, tweet_objects(items, hydrated, scores), "next_max_id", next_value)


def thread(
    above: Sequence[Shown], shown: Shown, replies: Sequence[Shown], hydrated: Hydrated, next_max_id: int | None
) -> bytes:
    """Return a tweet between what it answers and a page of its replies."""
    below = tweet_page(replies, hydrated, next_max_id, member="replies")
    ancestors = tweet_objects(above, hydrated)
    asked_for = tweet_objects([shown], hydrated)
    return b"".join([b'{"ancestors":[', *ancestors, b'],"tweet":', *asked_for, b",", below[1:]])


def tweet_objects(items: Sequence[Shown], hydrated: Hydrated, scores: Mapping[int, bytes] | None = None) -> list[bytes]:
    """Return each tweet as a JSON object, with commas between them, in parts to be joined.

    All are laid out as the plain tweets that most are, a kind of part at a time; the others are written over.
    """
    if not items:
        return []
    counts, authors, unmarked = hydrated.counts, hydrated.authors, _ENDS[0]
    parts = [_REFERS_TO_NONE] * (_PARTS * len(items) + 1)
    parts[0] = b"{"
    parts[1::_PARTS] = [item.body for item in items]
    parts[2::_PARTS] = [_USER] * len(items)
    parts[3::_PARTS] = [authors.get(item.author_id) or unknown_author_members(item.author_id) for item in items]
    parts[4::_PARTS] = [unmarked[counts.get(item.subject_id, _NO_COUNTS)] for item in items]
    _Presenter(hydrated).write_over(parts, items)
    if scores is not None:
        closing = zip(parts[5::_PARTS], items, strict=True)
        parts[5::_PARTS] = [
            b'%s,"score":%s},{' % (part.removesuffix(_NEXT), scores[item.tweet.tweet_id]) for part, item in closing
        ]
    parts[-1] = parts[-1].removesuffix(b",{")
    return parts


def tweet_object(item: Shown, hydrated: Hydrated) -> bytes:
    """Return one tweet."""
    return b"".join(tweet_objects([item], hydrated))


def with_flags(tweet: bytes, subject_id: int, flags: Flags) -> bytes:
    """Return a tweet that was made without flags, and quotes nothing, with those of its subject.

    In a text the quotes around a name are escaped, so what is replaced stands where flags stand.
    """
    return tweet.replace(_FLAGS[0], _FLAGS[_combination(subject_id, flags)])


def _combination(tweet_id: int, flags: Flags) -> int:
    return (tweet_id in flags.liked) | (tweet_id in flags.retweeted) << 1 | (tweet_id in flags.bookmarked) << 2


class _Presenter:
    """Writes the tweets that refer to others, and those that the viewer has marked, over what plain ones look like."""

    def __init__(self, hydrated: Hydrated) -> None:
        self._counts, self._flags, self._authors = hydrated
        self._marked = self._flags.liked | self._flags.retweeted | self._flags.bookmarked

    def write_over(self, parts: list[bytes], items: Sequence[Shown]) -> None:
        """Put right the parts that are not those of a plain tweet."""
        marked = self._marked
        for place, item in enumerate(items):
            if item.refers:
                at = place * _PARTS + 1
                parts[at : at + _PARTS] = self._nesting(item), b"", b"", b"", _NEXT
            elif item.subject_id in marked:
                parts[place * _PARTS + 4] = self._end(item.subject_id)

    def _nesting(self, item: Shown) -> bytes:
        """Return a retweet or a quote, without its braces."""
        tweet, subject, quoted = item.tweet, item.subject, item.quoted
        inner = [*self._alone(subject, subject), b',"retweeted_tweet":null,"quoted_tweet":']
        inner += (b"null",) if quoted is None else (b"{", *self._alone(quoted, quoted), b"}")
        if tweet is subject:
            return b"".join(inner)
        outer = self._alone(tweet, subject)
        return b"".join([*outer, b',"retweeted_tweet":{', *inner, b'},"quoted_tweet":null'])

    def _alone(self, tweet: Tweet, subject: Tweet) -> tuple[bytes, ...]:
        author = self._authors.get(tweet.author_id) or unknown_author_members(tweet.author_id)
        return tweet.body, _USER, author, self._end(subject.tweet_id)

    def _end(self, tweet_id: int) -> bytes:
        """Return a tweet's counts and flags."""
        flags = _combination(tweet_id, self._flags) if tweet_id in self._marked else 0
        return _ENDS[flags][self._counts.get(tweet_id, _NO_COUNTS)]


class _Ends(dict[CountsRow, bytes]):
    """The end of `user`, counts, and one combination of flags, by counts: made once, while there are not too many."""

    def __init__(self, flags: bytes) -> None:
        super().__init__()
        self._flags = flags

    def __missing__(self, counts: CountsRow) -> bytes:
        if len(self) >= _COUNTS_KEPT:
            self.clear()
        numbers = b'},"likes_count":%d,"retweets_count":%d,"replies_count":%d,"quotes_count":%d' % counts
        made = self[counts] = numbers + self._flags
        return made


_ENDS = [_Ends(flags) for flags in _FLAGS]
