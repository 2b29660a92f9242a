"""The archive on files: what is sealed is read back as it was, and what is not there, or not so, is found."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING, Any

import fastavro
import msgspec
import pytest

from infra.archive.archive import Archive
from infra.archive.archiver import ORPHAN_MS, Archiver
from infra.archive.port import ArchiveError, Entry
from infra.archive.reader import ArchivedLog
from infra.archive.segment import Sizes
from infra.clock import SystemClock
from infra.log import retention
from infra.log.port import OffsetOutOfRangeError, TopicPartition
from infra.log.sqlite import create
from infra.objects.directory import DirectoryObjects
from schemas.catalogue import FACT_TOPICS
from tests.replay_world import PARTITIONS, ReplayWorld, random_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.log.port import LogReader

SIZES = Sizes(segment_records=25, run_records=7)
PORTION = 25
ALL = 0


def soon_ms(later_ms: int = 60_000) -> int:
    """A time at which all that is on the log was appended."""
    return SystemClock().now_ms() + later_ms


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReplayWorld]:
    with closing(ReplayWorld(tmp_path)) as world:
        publish(world, 400, seed=7)
        yield world


def publish(world: ReplayWorld, steps: int, seed: int) -> None:
    """Append a random history in small portions, each of which makes rows of its own."""
    history = random_history(steps, seed)
    for at in range(0, len(history), PORTION):
        world.publish(*history[at : at + PORTION])


@pytest.fixture
def objects(world: ReplayWorld) -> DirectoryObjects:
    return DirectoryObjects(world.settings.objects_dir)


@pytest.fixture
def archive(world: ReplayWorld, objects: DirectoryObjects) -> Archive:
    return Archive(objects, world.log.identity)


def seal(world: ReplayWorld, archive: Archive, seal_ms: int = ALL, later_ms: int = 60_000) -> list[Entry]:
    archiver = Archiver(world.log, archive, seal_ms, soon_ms(later_ms), SIZES)
    ends = world.log.end_offsets(FACT_TOPICS)
    return [entry for place, end in ends.items() for entry in archiver.run(place, end)]


def cut(world: ReplayWorld) -> None:
    """Cut all of the log but its last rows."""
    with closing(create(world.settings.log_dir / "facts.db", PARTITIONS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        retention.cut(connection, 1 << 60)
        connection.execute("COMMIT")


def records(log: LogReader, start: Callable[[TopicPartition], int] = lambda _: 0, step: int = 11) -> list[Any]:
    found: list[Any] = []
    for place, end in log.end_offsets(FACT_TOPICS).items():
        at = start(place)
        while at < end and (batch := log.read(*place, at, step)):
            assert batch.base_offset == at
            assert len(batch.values) <= step
            found += [(place, at + n, *it) for n, it in enumerate(zip(batch.keys, batch.values, strict=True))]
            at = batch.next_offset
    return found


def reading(world: ReplayWorld, archive: Archive, **options: Any) -> ArchivedLog:
    return ArchivedLog(world.log, lambda: archive, **options)


@pytest.mark.parametrize("step", [1, 11, 500])
def test_the_archive_and_what_is_left_of_the_log_read_as_the_log_did(
    world: ReplayWorld, archive: Archive, step: int
) -> None:
    before = records(world.log)
    stamps = {it[:2]: world.log.appended_at_ms(it[0].topic, it[0].partition, it[1]) for it in before[::17]}
    seal(world, archive)
    cut(world)
    log = reading(world, archive)
    assert log.check(FACT_TOPICS) > 10
    assert records(log, step=step) == before
    assert {(place, at): log.appended_at_ms(place.topic, place.partition, at) for place, at in stamps} == stamps
    with pytest.raises(OffsetOutOfRangeError):
        records(world.log)


def test_the_archive_alone_is_read_where_that_is_wanted(world: ReplayWorld, archive: Archive) -> None:
    before = records(world.log)
    seal(world, archive)
    log = reading(world, archive, prefer_archive=True)
    assert log.check(FACT_TOPICS) > 10
    assert records(log) == before


def test_a_log_that_was_never_cut_asks_no_archive(world: ReplayWorld) -> None:
    def refuse() -> Archive:
        raise AssertionError

    log = ArchivedLog(world.log, refuse)
    assert log.check(FACT_TOPICS) == 0
    assert records(log) == records(world.log)


def test_what_is_cut_while_somebody_reads_is_read_from_the_archive(world: ReplayWorld, archive: Archive) -> None:
    before = records(world.log)
    log = reading(world, archive)
    place = max(world.log.end_offsets(FACT_TOPICS).items(), key=lambda it: it[1])[0]
    assert log.read(*place, 0, 5) == world.log.read(*place, 0, 5)
    seal(world, archive)
    cut(world)
    assert records(log) == before


def test_a_segment_is_sealed_when_it_is_full_or_when_it_has_waited(world: ReplayWorld, archive: Archive) -> None:
    full = seal(world, archive, seal_ms=86_400_000)
    assert {it.records for it in full} == {SIZES.segment_records}
    assert seal(world, archive, seal_ms=86_400_000) == []
    rest = seal(world, archive, seal_ms=86_400_000, later_ms=60_000 + 86_400_000)
    assert rest
    assert all(it.records < SIZES.segment_records for it in rest)
    ends = {place: archive.end(place) for place in world.log.end_offsets(FACT_TOPICS)}
    assert ends == world.log.end_offsets(FACT_TOPICS)
    assert seal(world, archive) == []


def test_what_is_appended_later_follows_in_the_same_chain(world: ReplayWorld, archive: Archive) -> None:
    seal(world, archive)
    publish(world, 100, seed=8)
    before = records(world.log)
    more = seal(world, archive)
    assert more
    assert all(it.previous for it in more if it.first_offset)
    cut(world)
    assert records(reading(world, archive)) == before


def test_a_segment_is_a_file_that_any_avro_tool_reads(
    world: ReplayWorld, archive: Archive, objects: DirectoryObjects
) -> None:
    entry = seal(world, archive)[0]
    with objects.open(entry.object) as file:
        found = list(fastavro.reader(io.BytesIO(file.read())))
    values = [value for run in found for value in run["values"]]
    place = TopicPartition(entry.topic, entry.partition)
    batch = world.log.read(*place, entry.first_offset, entry.records)
    assert batch is not None
    assert values == batch.values
    assert [run["offset"] for run in found] == [run.offset for run in entry.runs]
    assert entry.schema_ids == sorted({int.from_bytes(value[1:5]) for value in values})


def test_the_same_records_make_the_same_bytes(world: ReplayWorld, archive: Archive, objects: DirectoryObjects) -> None:
    first = seal(world, archive)
    keys = [it.key for it in objects.list()]
    for it in keys:
        objects.delete(it)
    assert seal(world, archive) == first
    assert [it.key for it in objects.list()] == keys


def test_a_slower_archiver_goes_on_behind_what_a_faster_one_has_made(world: ReplayWorld, archive: Archive) -> None:
    place, end = max(world.log.end_offsets(FACT_TOPICS).items(), key=lambda it: it[1])
    other = Archive(archive.objects, world.log.identity)
    slow, fast = (Archiver(world.log, it, ALL, soon_ms(), SIZES) for it in (archive, other))
    begun = slow.run(place, end)
    made = [next(begun)]
    made += fast.run(place, end)
    made += begun
    assert [it.first_offset for it in made] == [it.first_offset for it in archive.entries(place)]
    assert archive.end(place) == end


def test_orphans_are_collected_once_nobody_can_be_about_to_name_them(
    world: ReplayWorld, archive: Archive, objects: DirectoryObjects
) -> None:
    entries = seal(world, archive)
    orphan = f"{entries[0].object[:-5]}-orphan.avro"
    objects.put(orphan, io.BytesIO(b"left"), 4)
    seal(world, archive, later_ms=0)
    assert objects.stat(orphan) is not None
    seal(world, archive, later_ms=ORPHAN_MS + 60_000)
    assert objects.stat(orphan) is None
    assert all(objects.stat(it.object) for it in entries)


def test_a_log_that_was_cut_before_it_was_archived_is_not_passed_over(world: ReplayWorld, archive: Archive) -> None:
    seal(world, archive)
    publish(world, 300, seed=9)
    cut(world)
    with pytest.raises(ArchiveError, match=r"the log was cut: offsets [\d,]+ to [\d,]+ were never archived"):
        seal(world, archive)
    with pytest.raises(ArchiveError, match="are neither on the log nor in the archive"):
        reading(world, archive).check(FACT_TOPICS)


def damaged_segment(objects: DirectoryObjects, entry: Entry, at: int) -> None:
    with objects.open(entry.object) as file:
        content = bytearray(file.read())
    content[at] ^= 1
    objects.put(entry.object, io.BytesIO(bytes(content)), len(content))


def changed_entry(archive: Archive, entry: Entry, **changes: Any) -> None:
    key = archive.manifest(TopicPartition(entry.topic, entry.partition)).entry_key(entry.first_offset)
    content = msgspec.json.encode(msgspec.structs.replace(entry, **changes))
    archive.objects.put(key, io.BytesIO(content), len(content))


def without_entry(archive: Archive, entry: Entry) -> None:
    archive.objects.delete(archive.manifest(TopicPartition(entry.topic, entry.partition)).entry_key(entry.first_offset))


FAULTS: dict[str, tuple[Callable[[Archive, Any, list[Entry]], object], str]] = {
    "a bit is flipped": (lambda _, objects, it: damaged_segment(objects, it[1], -40), "not what was written"),
    "a segment is gone": (lambda _, objects, it: objects.delete(it[1].object), "the segment is missing"),
    "a segment is cut short": (
        lambda _, objects, it: objects.put(it[1].object, io.BytesIO(b"short"), 5),
        "it has 5 bytes, the manifest says",
    ),
    "a segment is another": (
        lambda archive, _, it: changed_entry(archive, it[1], object=it[0].object, sha256=it[0].sha256),
        "the entry before it was changed",
    ),
    "an entry is gone": (lambda archive, _, it: without_entry(archive, it[1]), r"offsets [\d,]+ to [\d,]+ are missing"),
    "the first entry is gone": (lambda archive, _, it: without_entry(archive, it[0]), "entries before it are missing"),
    "an entry overlaps": (
        lambda archive, _, it: changed_entry(
            archive, it[0], last_offset=it[0].last_offset + 1, records=it[0].records + 1
        ),
        "its runs end at",
    ),
    "the last entry is gone": (
        lambda archive, _, it: without_entry(archive, it[-1]),
        "neither on the log nor in the archive",
    ),
    "an entry is of another log": (lambda archive, _, it: changed_entry(archive, it[1], log="x"), "of another log"),
    "an entry is of another format": (lambda archive, _, it: changed_entry(archive, it[1], format=9), "is of format 9"),
    "an entry is no JSON": (
        lambda archive, _, it: archive.objects.put(
            archive.manifest(TopicPartition(it[1].topic, it[1].partition)).entry_key(it[1].first_offset),
            io.BytesIO(b"{"),
            1,
        ),
        "is no entry of an archive",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_the_archive_is_found_before_it_is_read(
    world: ReplayWorld, archive: Archive, objects: DirectoryObjects, fault: str
) -> None:
    by_place: dict[tuple[str, int], list[Entry]] = {}
    for entry in seal(world, archive):
        by_place.setdefault((entry.topic, entry.partition), []).append(entry)
    cut(world)
    of_one = max(by_place.values(), key=len)
    assert len(of_one) > 2
    plant, says = FAULTS[fault]
    plant(archive, objects, of_one)
    log = reading(world, Archive(objects, world.log.identity))
    with pytest.raises(ArchiveError, match=says) as caught:
        log.check(FACT_TOPICS)
    assert "\n" not in str(caught.value)
    assert of_one[0].topic in str(caught.value)


def test_damage_that_comes_later_is_found_when_it_is_read(
    world: ReplayWorld, archive: Archive, objects: DirectoryObjects
) -> None:
    entry = seal(world, archive)[0]
    cut(world)
    log = reading(world, archive)
    log.check(FACT_TOPICS)
    damaged_segment(objects, entry, entry.runs[0].at + entry.runs[0].bytes // 2)
    with pytest.raises(ArchiveError, match="not what was written"):
        log.read(entry.topic, entry.partition, entry.first_offset, 10)
