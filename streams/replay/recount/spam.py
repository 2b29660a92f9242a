"""Recounts spam scores: whoever is flagged has posted at that time, and often enough.

The score itself is arithmetic that only one piece of code knows. What is recounted is what has to follow from it,
however it is weighed: an account with fewer than four tweets within a day of each other reached nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from schemas.tweets.events import TopicsWithdrawn, TweetPosted
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.spam.read_model import SpamReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

FEWEST, DAY_MS, LOWEST = 4, 86_400_000, 3


class SpamRecount:
    """Authors in the sample."""

    READS: ClassVar[tuple[type[Event], ...]] = (TweetPosted, TopicsWithdrawn)

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._times: defaultdict[int, list[int]] = defaultdict(list)

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, TweetPosted) and self._sample.has_user(event.author_id):
            self._said.note(place, offset, event.author_id)
            self._times[event.author_id].append(event.envelope.occurred_at_ms)
        elif isinstance(event, TopicsWithdrawn):
            self._times.pop(event.author_id, None)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._times)

    def differences(self, reader: SpamReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        seen = reader.seen(list(self._times))
        for user_id, times in self._times.items():
            if seen.get(user_id, 0) != len(times):
                yield self._said.difference("tweets looked at of", user_id, len(times), seen.get(user_id, 0))
        for user_id, flagged in reader.many(list(self._times), LOWEST).items():
            times = self._times[user_id]
            if flagged.at_ms not in times:
                yield self._said.difference("flagged at a tweet", user_id, times[-20:], flagged.at_ms)
            elif not any(self._together(times, at) for at, time in enumerate(times) if time == flagged.at_ms):
                yield self._said.difference("flagged after four tweets", user_id, FEWEST, times[-20:])

    @staticmethod
    def _together(times: list[int], at: int) -> bool:
        return sum(times[at] - it < DAY_MS for it in times[: at + 1]) >= FEWEST
