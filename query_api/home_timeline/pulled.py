"""Pulls home timelines from what tweets and the graph keep, by the definition (SPEC §5): no timeline has to be kept.

The same list as the one that is pushed, at some statement a followed account instead of one round trip.
"""

from __future__ import annotations

from functools import partial
from heapq import nlargest
from typing import TYPE_CHECKING, Protocol, TypeVar

from prometheus_client import Counter

from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from infra.log.port import TopicPartition
    from projections.graph.read_model import GraphReader
    from projections.tweets.read_model import TweetsReader
    from query_api.tweets.rules import Shown

PULLED = Counter("murmur_home_timeline_pulled_pages", "Pages of home timelines that were pulled.")
T = TypeVar("T")

FIRST_READ = 8  # of each author; what is not enough is read on, twice as much each time
FOLLOWS_PER_READ = 1_000


class Together(Protocol):
    """Runs reads that do not need each other."""

    def __call__(self, reads: Sequence[Callable[[], T]], /) -> list[T]:
        """Return what each returned, in their order."""


def one_by_one(reads: Sequence[Callable[[], T]]) -> list[T]:
    """Run reads where each comes from memory or a file."""
    return [read() for read in reads]


class PulledHomeTimelines:
    """Home timelines of the accounts that follow others now."""

    def __init__(
        self,
        graph: GraphReader,
        tweets: TweetsReader,
        load: Callable[[Collection[int]], Mapping[int, Shown]],
        together: Together = one_by_one,
    ) -> None:
        self._graph = graph
        self._tweets = tweets
        self._load = load
        self._together = together

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the newest tweets below `max_id` (exclusive; None: from the newest), newest first, each once.

        Fewer than `limit` mean that the timeline ends there.
        """
        PULLED.inc()
        follows = self._follows(viewer_id)
        heard = follows | {0, viewer_id}
        below = MAX_ID if max_id is None else max_id
        found: list[int] = []
        while len(found) < limit:
            wanted = limit - len(found)
            candidates = self._newest(follows | {viewer_id}, below, wanted)
            known = self._load(candidates)
            shown = (known[it].tweet for it in candidates if it in known)
            found += [it.tweet_id for it in shown if it.parent_author_id in heard or it.author_id == viewer_id]
            if len(candidates) < wanted:
                break
            below = candidates[-1]
        return found

    def checkpoints(self) -> Mapping[TopicPartition, int]:
        """Return those of tweets."""
        return self._tweets.checkpoints()

    def _follows(self, viewer_id: int) -> set[int]:
        follows: set[int] = set()
        before = None
        while True:
            page = self._graph.following(viewer_id, before, FOLLOWS_PER_READ)
            follows.update(edge.user_id for edge in page)
            if len(page) < FOLLOWS_PER_READ:
                return follows
            before = page[-1]

    def _newest(self, authors: Collection[int], below: int, limit: int) -> list[int]:
        """Return the newest ids that the authors wrote below an id.

        Of each author a beginning is known. The limit-th newest id of all that is known bounds the page from below,
        so only authors whose known beginning ends above it can still have something to add.
        """
        known: dict[int, list[int]] = {author: [] for author in authors}
        unread, size = list(authors), FIRST_READ
        while unread:
            reads = [
                partial(self._tweets.by_author, author, known[author][-1] if known[author] else below, size)
                for author in unread
            ]
            more = dict(zip(unread, self._together(reads), strict=True))
            for author, ids in more.items():
                known[author] += ids
            newest = nlargest(limit, (it for ids in known.values() for it in ids))
            bound = newest[-1] if len(newest) == limit else 0
            unread = [author for author, ids in more.items() if len(ids) == size and ids[-1] > bound]
            size *= 2
        return nlargest(limit, (it for ids in known.values() for it in ids))
