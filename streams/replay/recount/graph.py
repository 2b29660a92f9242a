"""Recounts the graph: who follows whom since when, the counts, and who is hidden from whom."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.graph.read_model import GraphReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

Pair = tuple[int, int]


class GraphRecount:
    """Accounts in the sample, on either side of a relation."""

    READS: ClassVar[tuple[type[Event], ...]] = (Followed, Unfollowed, Blocked, Unblocked, Muted, Unmuted)

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._users: set[int] = set()
        self._follows: dict[Pair, int] = {}
        self._blocks: set[Pair] = set()
        self._mutes: set[Pair] = set()

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        pair = (event.user_id, event.target_id)  # type: ignore[attr-defined]  # all that it READS have both
        chosen = [*filter(self._sample.has_user, pair)]
        if not chosen:
            return
        self._users.update(chosen)
        self._said.note(place, offset, *chosen)
        if isinstance(event, Followed):
            self._follows.setdefault(pair, event.envelope.occurred_at_ms)
        elif isinstance(event, Unfollowed):
            self._follows.pop(pair, None)
        elif isinstance(event, Blocked | Unblocked):
            (self._blocks.add if isinstance(event, Blocked) else self._blocks.discard)(pair)
        else:
            (self._mutes.add if isinstance(event, Muted) else self._mutes.discard)(pair)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._users)

    def differences(self, reader: GraphReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        followers, following = defaultdict[int, list[Pair]](list), defaultdict[int, list[Pair]](list)
        blocked, muted = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
        for (user, target), at_ms in self._follows.items():
            following[user].append((at_ms, target))
            followers[target].append((at_ms, user))
        for user, target in self._blocks:
            blocked[user].add(target)
            blocked[target].add(user)
        for user, target in self._mutes:
            muted[user].add(target)
        counts = reader.counts(self._users)
        for user in self._users:
            expected = (len(followers[user]), len(following[user]))
            told = counts.get(user)
            if expected != (found := (told.followers, told.following) if told else (0, 0)):
                yield self._said.difference("followers and following of", user, expected, found)
            for what, lists, read in (
                ("followers of", followers, reader.followers),
                ("following of", following, reader.following),
            ):
                newest = sorted(lists[user], reverse=True)[:LIST_LIMIT]
                if newest != (listed := [tuple(it) for it in read(user, None, LIST_LIMIT)]):
                    yield self._said.difference(what, user, newest, listed)
            hidden = reader.hidden(user)
            if (blocked[user], muted[user]) != (set(hidden.blocked), set(hidden.muted)):
                yield self._said.difference("hidden from", user, (blocked[user], muted[user]), tuple(hidden))
