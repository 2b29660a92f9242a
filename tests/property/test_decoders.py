"""Whatever bytes come: a decoder gives what was encoded, or its own error, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from infra.log import frames
from infra.log.partitioner import key_bytes, murmur2, partition_of
from infra.log.port import Record
from schemas.catalogue import BY_SCHEMA_ID, CATALOGUE
from schemas.codec import DecodeError, decode, encode, topic_and_key

if TYPE_CHECKING:
    from schemas.envelope import Event

LONGS = st.integers(-(1 << 63), (1 << 63) - 1)


def _values(kind: Any) -> st.SearchStrategy[Any]:
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: LONGS, str: st.text(), bytes: st.binary(), bool: st.booleans(), type(None): st.none()
    }  # fmt: skip
    if kind in plain:
        return plain[kind]
    if get_origin(kind) is list:
        return st.lists(_values(get_args(kind)[0]), max_size=4)
    if get_origin(kind) is dict:
        return st.dictionaries(*map(_values, get_args(kind)), max_size=4)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{field.name: _values(field.type) for field in msgspec.structs.fields(kind)})
    return st.one_of(*[_values(option) for option in get_args(kind)])


EVENTS = st.one_of(*[_values(entry.event) for entry in CATALOGUE])
HEADERS = st.sampled_from([b"\x00" + schema_id.to_bytes(4, "big") for schema_id in BY_SCHEMA_ID])


@given(EVENTS)
def test_every_event_comes_back_from_its_bytes(event: Event) -> None:
    assert decode(encode(event)) == event
    assert topic_and_key(decode(encode(event))) == topic_and_key(event)


@given(st.one_of(st.binary(), st.builds(lambda header, body: header + body, HEADERS, st.binary(max_size=200))))
def test_any_bytes_decode_to_an_event_or_raise_decode_error(value: bytes) -> None:
    try:
        event = decode(value)
    except DecodeError:
        return
    assert decode(encode(event)) == event


@given(EVENTS, st.data())
def test_an_event_cut_short_or_with_bytes_behind_it_does_not_decode(event: Event, data: st.DataObject) -> None:
    value = encode(event)
    for wrong in (value[: data.draw(st.integers(0, len(value) - 1))], value + b"\x00"):
        with pytest.raises(DecodeError):
            decode(wrong)


@pytest.mark.parametrize("size", [b"\xfe\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x01"])
def test_a_length_that_cannot_be_true_is_a_decode_error_and_takes_no_memory(size: bytes) -> None:
    envelope = b"\x02\x02\x02"  # three numbers; the correlation id's length follows
    with pytest.raises(DecodeError):
        decode(b"\x00" + (301).to_bytes(4, "big") + envelope + size)


RECORDS = st.lists(st.builds(Record, st.just("t"), st.integers(0, (1 << 63) - 1), st.binary()), max_size=20)


@given(RECORDS)
def test_records_come_back_from_their_frames(records: list[Record]) -> None:
    keys, values = frames.unpack(frames.pack(records), len(records))
    assert keys == [record.key for record in records]
    assert values == [record.value for record in records]


@given(st.binary(), st.integers(0, 100))
def test_any_bytes_unpack_or_raise_value_error(packed: bytes, count: int) -> None:
    try:
        keys, values = frames.unpack(packed, count)
    except ValueError:
        return
    assert frames.pack([Record("t", key, value) for key, value in zip(keys, values, strict=True)]) == packed


@given(RECORDS, st.integers(0, (1 << 62)), st.integers(0, 1 << 45), st.data())
def test_a_checksum_tells_any_single_change_of_a_row(
    records: list[Record], row_id: int, at_ms: int, data: st.DataObject
) -> None:
    packed = frames.pack(records)
    right = frames.checksum(row_id, len(records), at_ms, packed)
    assert frames.checksum(row_id ^ 1 << data.draw(st.integers(0, 61)), len(records), at_ms, packed) != right
    assert frames.checksum(row_id, len(records) + 1, at_ms, packed) != right
    if packed:
        at, bits = data.draw(st.integers(0, len(packed) - 1)), data.draw(st.integers(1, 255))
        changed = packed[:at] + bytes([packed[at] ^ bits]) + packed[at + 1 :]
        assert frames.checksum(row_id, len(records), at_ms, changed) != right


@given(st.integers(0, (1 << 63) - 1), st.integers(1, 1024))
def test_keys_go_to_the_partition_that_a_kafka_client_gives_them(key: int, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key_bytes(key), everywhere, everywhere)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_what_kafkas_own_tests_expect(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF
