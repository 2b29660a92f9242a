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
from schemas.codec import AT_ONCE, DecodeError, decode, decode_together, encode, topic_and_key
from streams.replay.decoding import decoded

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


ALIKE = st.sampled_from(CATALOGUE).flatmap(lambda entry: st.lists(_values(entry.event), min_size=1, max_size=8))
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


@given(ALIKE)
def test_events_of_one_kind_decoded_together_are_those_decoded_one_by_one(events: list[Event]) -> None:
    values = [encode(event) for event in events]
    assert decode_together(values) == [decode(value) for value in values] == events


@given(ALIKE, st.data())
def test_of_values_decoded_together_none_may_be_cut_short_or_have_bytes_behind_it(
    events: list[Event], data: st.DataObject
) -> None:
    values = [encode(event) for event in events]
    at = data.draw(st.integers(0, len(values) - 1))
    cut = values[at][: data.draw(st.integers(5, len(values[at]) - 1))]
    values[at] = data.draw(st.one_of(st.just(cut), st.binary(min_size=1).map(lambda more: values[at] + more)))
    with pytest.raises(DecodeError):
        decode_together(values)


RECORDED = st.one_of(EVENTS.map(encode), st.binary(), st.builds(bytes.__add__, HEADERS, st.binary()))


@given(st.lists(RECORDED, max_size=12))
def test_a_batch_is_decoded_as_its_records_are_one_by_one(values: list[bytes]) -> None:
    many = values * (AT_ONCE // 4)
    found = decoded(many, ())
    for value, *at_place in zip(many, found.events, map(found.errors.get, range(len(many))), strict=True):
        assert at_place == _decoded_alone(value)


def _decoded_alone(value: bytes) -> list[Any]:
    try:
        return [decode(value), None]
    except DecodeError as error:
        return [None, str(error)]


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
