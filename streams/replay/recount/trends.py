"""Recounts trends: how often some topics were used on each day, and by how many, over the whole world."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from zlib import crc32

from schemas.tweets.events import TweetPosted
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.trends.read_model import TrendsReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

WORLD = 1
DAY_MS = 86_400_000
DAYS_COMPARED = 700  # 800 are kept
MOST_TOPICS = 200
USES_TOO_MANY = 50
"""An account that says more on a day may have come to the bounds of what counts: its topics are not compared."""
OFFSETS_APART = 50_000
"""What an author says so far behind, on the same day, may not be recognised: its topic is not compared."""


class _Day(NamedTuple):
    uses: set[int]
    authors: dict[int, int]  # and where each was first read


class TrendsRecount:
    """Topics in the sample: the first ones whose names it chooses."""

    READS: ClassVar[tuple[type[Event], ...]] = (TweetPosted,)

    def __init__(self, sample: Sample) -> None:
        self._one_in = max(1, sample.tweets // 20)
        self._turn = sample.turn
        self._said = Said()
        self._topics: dict[str, dict[int, _Day]] = defaultdict(dict)
        self._spoken: Counter[tuple[int, int]] = Counter()
        self._doubtful: set[str] = set()
        self._newest_day = 0

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if not isinstance(event, TweetPosted) or not event.hashtags:
            return
        day = event.envelope.occurred_at_ms // DAY_MS
        self._newest_day = max(self._newest_day, day)
        self._spoken[event.author_id, day] += len(event.hashtags)
        for topic in {tag.lower() for tag in event.hashtags if tag}:
            name = crc32(topic.encode())
            if (name + self._turn) % self._one_in or (topic not in self._topics and len(self._topics) >= MOST_TOPICS):
                continue
            self._said.note(place, offset, name)
            known = self._topics[topic].setdefault(day, _Day(set(), {}))
            if offset - known.authors.setdefault(event.author_id, offset) > OFFSETS_APART:
                self._doubtful.add(topic)
            known.uses.add(event.tweet_id)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._topics)

    def differences(self, reader: TrendsReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        since = (self._newest_day - DAYS_COMPARED) * DAY_MS
        until = (self._newest_day + 1) * DAY_MS
        found = reader.days(WORLD, list(self._topics), max(0, since), until)
        for topic, days in self._topics.items():
            if topic in self._doubtful or any(self._too_much(day, it) for day, it in days.items()):
                continue
            expected = [
                (day * DAY_MS, len(it.uses), len(it.authors))
                for day, it in sorted(days.items())
                if day > self._newest_day - DAYS_COMPARED
            ]
            if expected != (told := [tuple(point) for point in found.get(topic, [])]):
                finding = self._said.difference("day, uses, authors of", crc32(topic.encode()), expected, told)
                yield finding._replace(key=f"#{topic}", ids=())

    def _too_much(self, day: int, known: _Day) -> bool:
        return any(self._spoken[author, day] > USES_TOO_MANY for author in known.authors)
