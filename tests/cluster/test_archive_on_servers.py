"""A log on Kafka is archived on a server of objects, and cut behind it: what is built of both is the same."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.archive.archive import Archive
from infra.archive.archiver import Archiver
from infra.archive.port import ArchiveError
from infra.archive.reader import ArchivedLog
from infra.archive.segment import Sizes
from infra.archive.verify import findings_of
from infra.clock import SystemClock
from infra.log import kafka_cut
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import OffsetOutOfRangeError, Record, TopicPartition
from infra.settings import Settings
from schemas.codec import encode, topic_and_key
from streams.replay.kinds import KINDS
from streams.replay.rebuild import Rebuild, Task
from streams.replay.sample import Sample
from tests.cluster.kafka_log import delete_topics, make_topics_anew
from tests.contract.object_backends import own_bucket
from tests.replay_world import NAMED, random_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.archive.port import Entry
    from infra.log.port import Batch, Stamped
    from infra.objects.s3 import S3Objects
    from infra.servers import Fleet
    from infra.servers.launcher import Running

pytestmark = pytest.mark.cluster

PREFIX = f"archive-{os.getpid()}-"
TOPICS = ("accounts", "follows", "tweets", "engagements")
PARTITIONS = 2
SIZES = Sizes(segment_records=60, run_records=25)
FAR = 1 << 45  # milliseconds, in a thousand years


class OwnTopics:
    """Topics of our own on a Kafka that others use, under the names that projections know (StampedLog)."""

    def __init__(self, reader: KafkaLogReader) -> None:
        self._reader = reader
        self.log_id = reader.log_id

    def identity(self, topic: str) -> str:
        return self._reader.identity(PREFIX + topic)

    def partitions(self, topic: str) -> int:
        return self._reader.partitions(PREFIX + topic)

    def first_offset(self, topic: str, partition: int) -> int:
        return self._reader.first_offset(PREFIX + topic, partition)

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int:
        return self._reader.appended_at_ms(PREFIX + topic, partition, offset)

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> Batch | None:
        found = self._reader.read(PREFIX + topic, partition, offset, max_records)
        return found and found._replace(topic=topic)

    def read_stamped(self, topic: str, partition: int, offset: int, max_records: int) -> Stamped | None:
        found = self._reader.read_stamped(PREFIX + topic, partition, offset, max_records)
        return found and found._replace(batch=found.batch._replace(topic=topic))

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        return named(self._reader.end_offsets([PREFIX + topic for topic in topics]))

    def first_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        return named(self._reader.first_offsets([PREFIX + topic for topic in topics]))

    def close(self) -> None:
        self._reader.close()


def named(offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
    return {place._replace(topic=place.topic.removeprefix(PREFIX)): offset for place, offset in offsets.items()}


@pytest.fixture(scope="module")
def kafka(fleet: Fleet) -> Running:
    missing = [name for name in ("kafka", "objects") if not fleet.alive(name)]
    fleet.start(*missing)
    return fleet["kafka"]


@pytest.fixture(scope="module")
def log(kafka: Running) -> Iterator[OwnTopics]:
    names = {PREFIX + topic: PARTITIONS for topic in TOPICS}
    make_topics_anew(kafka.address, names)
    asyncio.run(publish(kafka.address))
    with closing(OwnTopics(KafkaLogReader(kafka.address, tuple(names)))) as reader:
        yield reader
    delete_topics(kafka.address, names)


async def publish(bootstrap: str) -> None:
    with closing(KafkaEventLog(bootstrap)) as appender:
        for event in random_history(600):
            topic, key = topic_and_key(event)
            if topic in TOPICS:
                await appender.append([Record(PREFIX + topic, key, encode(event))])


@pytest.fixture(scope="module")
def objects(fleet: Fleet, kafka: Running) -> Iterator[S3Objects]:  # noqa: ARG001 - both are started
    with own_bucket(fleet, "archive") as store:
        yield store


@pytest.fixture(scope="module")
def archive(log: OwnTopics, objects: S3Objects) -> Archive:
    return Archive(objects, log.identity)


def seal(log: OwnTopics, archive: Archive) -> list[Entry]:
    archiver = Archiver(log, archive, 0, SystemClock().now_ms() + 60_000, SIZES)
    return [entry for place, end in log.end_offsets(TOPICS).items() for entry in archiver.run(place, end)]


def digests(log: OwnTopics | ArchivedLog, folder: Path) -> dict[str, str]:
    """Build two projections from the log into files, and return the digests of their content."""
    settings = Settings(data_dir=folder, partitions=PARTITIONS, celebrity_followers=3, active_days=1000)
    tasks = [Task(NAMED[name], KINDS[name], 1, None) for name in ("graph", "engagement")]
    reports = Rebuild(settings, log, tasks, Sample(), lambda _: None).run()
    assert all(report.right for report in reports.values())
    return {name: report.digest for name, report in reports.items()}


def records(log: OwnTopics | ArchivedLog) -> list[object]:
    found: list[object] = []
    for place, end in log.end_offsets(TOPICS).items():
        at = 0
        while at < end and (batch := log.read(*place, at, 77)):
            found += zip(
                [(place, offset) for offset in range(at, batch.next_offset)], batch.keys, batch.values, strict=True
            )
            at = batch.next_offset
    return found


def test_a_log_that_is_cut_behind_its_archive_builds_the_same(
    kafka: Running, log: OwnTopics, archive: Archive, objects: S3Objects, tmp_path: Path
) -> None:
    before, content = digests(log, tmp_path / "before"), records(log)
    stamp = log.appended_at_ms("tweets", 0, 3)
    assert len(seal(log, archive)) > 8
    for place, end in log.end_offsets(TOPICS).items():
        assert list(findings_of(archive, log, place, end, lambda _: None)) == []
    ends = {
        TopicPartition(PREFIX + topic, partition): end for (topic, partition), end in log.end_offsets(TOPICS).items()
    }

    assert kafka_cut.cut(kafka.address, ends, 0) == 0  # nothing is that old
    archived = {place: end // 2 for place, end in ends.items()}
    assert kafka_cut.cut(kafka.address, archived, FAR) == sum(archived.values())
    assert kafka_cut.cut(kafka.address, archived, FAR) == 0
    assert log.first_offsets(TOPICS) == {place: end // 2 for place, end in log.end_offsets(TOPICS).items()}
    half = ArchivedLog(log, lambda: archive)
    half.check(TOPICS)
    assert records(half) == content

    kafka_cut.cut(kafka.address, ends, FAR)
    with pytest.raises(OffsetOutOfRangeError):
        digests(log, tmp_path / "cut")
    alone = ArchivedLog(log, lambda: Archive(objects, log.identity))
    assert alone.check(TOPICS) > 8
    assert records(alone) == content
    assert alone.appended_at_ms("tweets", 0, 3) == stamp
    assert digests(alone, tmp_path / "alone") == before

    entry = archive.entries(TopicPartition("follows", 0))[1]
    objects.delete(entry.object)
    with pytest.raises(ArchiveError, match=rf"follows/0 segment {entry.first_offset} to .*: the segment is missing"):
        ArchivedLog(log, lambda: Archive(objects, log.identity)).check(TOPICS)
