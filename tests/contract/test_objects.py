"""What every object store promises, over each adapter."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from infra.clock import SystemClock
from infra.objects.directory import DirectoryObjects
from infra.objects.port import CHUNK_BYTES, ObjectMissingError, ObjectShortError
from tests.contract import object_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.objects.port import ObjectStore

PICTURE = bytes(range(256)) * 1000
LARGE = 20_000_003  # in three parts on S3, the last one short


@pytest.fixture(params=object_backends.NAMES)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "directory":
        yield DirectoryObjects(tmp_path / "objects")
        return
    with object_backends.s3(request) as store:
        yield store


def put(objects: ObjectStore, key: str, content: bytes = PICTURE, content_type: str = "image/png") -> None:
    objects.put(key, io.BytesIO(content), len(content), content_type)


def got(objects: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    with objects.open(key, start, length) as file:
        return file.read()


class Made:
    """A source of many bytes that never holds them; it counts what is asked of it at a time."""

    def __init__(self, length: int) -> None:
        self.left, self.largest = length, 0

    def read(self, amount: int = -1) -> bytes:
        self.largest = max(self.largest, amount)
        piece = min(self.left, amount if amount >= 0 else self.left, 700_001)  # less than was asked for
        self.left -= piece
        return bytes(piece)


def test_what_is_put_is_read_back_with_its_type(objects: ObjectStore) -> None:
    before = SystemClock().now_ms() - 2000  # servers tell whole seconds
    put(objects, "media/7/original")
    assert got(objects, "media/7/original") == PICTURE
    told = objects.stat("media/7/original")
    assert told is not None
    assert (told.key, told.bytes, told.content_type) == ("media/7/original", len(PICTURE), "image/png")
    assert before < told.modified_ms < SystemClock().now_ms() + 2000


def test_what_is_not_there_is_missing(objects: ObjectStore) -> None:
    assert objects.stat("nothing/here") is None
    for length in (None, 0, 5):
        with pytest.raises(ObjectMissingError):
            objects.open("nothing/here", 0, length)
    objects.delete("nothing/here")
    assert list(objects.list("nothing/")) == []


@pytest.mark.parametrize(
    ("start", "length"), [(0, 10), (1000, 256), (255_990, 100), (255_999, None), (256_000, None), (300_000, 5), (3, 0)]
)
def test_a_range_is_read(objects: ObjectStore, start: int, length: int | None) -> None:
    put(objects, "it")
    end = len(PICTURE) if length is None else start + length
    assert got(objects, "it", start, length) == PICTURE[start:end]


def test_an_empty_object_is_one(objects: ObjectStore) -> None:
    put(objects, "empty", b"")
    told = objects.stat("empty")
    assert told is not None
    assert told.bytes == 0
    assert got(objects, "empty") == b""


def test_a_put_replaces_the_object_and_its_type(objects: ObjectStore) -> None:
    put(objects, "it", b"one", "text/plain")
    put(objects, "it", b"another", "application/octet-stream")
    told = objects.stat("it")
    assert told is not None
    assert (told.bytes, told.content_type) == (7, "application/octet-stream")
    assert got(objects, "it") == b"another"


def test_a_deleted_object_is_gone(objects: ObjectStore) -> None:
    put(objects, "media/7/original")
    put(objects, "media/7/small")
    for _ in range(2):
        objects.delete("media/7/original")
    assert objects.stat("media/7/original") is None
    assert [it.key for it in objects.list()] == ["media/7/small"]


def test_large_bytes_stream(objects: ObjectStore) -> None:
    source = Made(LARGE)
    objects.put("large", cast("BinaryIO", source), LARGE, "video/mp4")
    assert source.largest <= 8 * CHUNK_BYTES
    with objects.open("large") as file:
        read = 0
        while piece := file.read(CHUNK_BYTES):
            read += len(piece)
    assert read == LARGE
    assert got(objects, "large", LARGE - 5) == bytes(5)


@pytest.mark.parametrize("length", [1000, LARGE])
def test_a_source_that_ends_early_leaves_nothing(objects: ObjectStore, length: int) -> None:
    with pytest.raises(ObjectShortError):
        objects.put("short", cast("BinaryIO", Made(length - 1)), length)
    assert objects.stat("short") is None
    assert list(objects.list()) == []


def test_no_more_is_read_than_was_told(objects: ObjectStore) -> None:
    source = io.BytesIO(b"onetwo")
    objects.put("it", source, 3)
    assert got(objects, "it") == b"one"
    assert source.read() == b"two"


def test_a_list_has_what_begins_so_in_the_order_of_keys(objects: ObjectStore) -> None:
    keys = ["a/b/1", "a/b/10", "a/b/2", "a/b-1", "a/b.x", "a/bc", "b/1"]
    for key in reversed(keys):
        put(objects, key, key.encode(), "text/plain")
    assert [it.key for it in objects.list()] == sorted(keys)
    assert [it.key for it in objects.list("a/b/")] == ["a/b/1", "a/b/10", "a/b/2"]
    assert [it.key for it in objects.list("a/b")] == sorted(keys)[:-1]
    assert [(it.key, it.bytes) for it in objects.list("a/b/1")] == [("a/b/1", 5), ("a/b/10", 6)]


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "A", "a b", "a\\b", "ä", "a\n", "a" * 201, "a/" * 300],
)
def test_a_key_that_no_program_makes_is_refused(objects: ObjectStore, key: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: put(objects, key),
        lambda: objects.open(key),
        lambda: objects.stat(key),
        lambda: objects.delete(key),
        lambda: objects.presigned_get(key, 60),
        lambda: objects.presigned_put(key, 1, "image/png", 60),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match="no key of an object"):
            ask()


@pytest.mark.parametrize(
    "content_type", ["", "image", "image/png; charset=x", "image/png\r\nx-amz-acl: public", "Image/PNG"]
)
def test_a_type_that_is_none_is_refused(objects: ObjectStore, content_type: str) -> None:
    with pytest.raises(ValueError, match="no plain media type"):
        put(objects, "it", b"", content_type)


def test_an_object_is_whole_for_all_who_read_while_it_is_replaced(objects: ObjectStore) -> None:
    contents = [bytes([number]) * 100_000 for number in range(2)]
    put(objects, "it", contents[0])
    over = threading.Event()

    def replace() -> None:
        for number in range(20):
            put(objects, "it", contents[number % 2])
        over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    while not over.is_set():
        assert got(objects, "it") in contents
    writer.join()


def test_what_is_put_as_new_is_kept_once(objects: ObjectStore) -> None:
    assert objects.put_new("entries/1.json", b"one", "application/json")
    assert not objects.put_new("entries/1.json", b"another", "application/json")
    assert got(objects, "entries/1.json") == b"one"
    put(objects, "entries/2.json", b"two")
    assert not objects.put_new("entries/2.json", b"another")
    assert [it.key for it in objects.list()] == ["entries/1.json", "entries/2.json"]


def test_of_many_who_put_the_same_as_new_one_is_told_that_it_was_kept(objects: ObjectStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda number: objects.put_new("entries/1.json", b"%d" % number), range(24)))
    assert kept.count(True) == 1
    assert got(objects, "entries/1.json") == b"%d" % kept.index(True)
