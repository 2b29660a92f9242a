"""How writes to many partitions are put together."""

from __future__ import annotations

from infra.cql.calls import Batch, Call
from infra.cql.portions import BYTES, PARTITIONS, portions


def write(partition: int, value: object = 0) -> Call:
    return Call("a statement", (partition, value))


def partition_of(call: Call) -> int:
    return int(call.values[0])


def sent(portion: Call | Batch) -> list[int]:
    return [partition_of(call) for call in (portion.calls if isinstance(portion, Batch) else [portion])]


def test_writes_to_the_same_nodes_travel_together() -> None:
    found = portions([write(1), write(2), write(3), write(4)], lambda call: partition_of(call) % 2)
    assert sorted(map(sent, found)) == [[1, 3], [2, 4]]


def test_a_portion_has_a_bounded_number_of_partitions() -> None:
    found = portions(map(write, range(2 * PARTITIONS + 1)), lambda _: None)
    assert [len(sent(portion)) for portion in found] == [PARTITIONS, PARTITIONS, 1]


def test_a_portion_has_a_bounded_size_but_a_partition_is_never_divided() -> None:
    large = "x" * (BYTES // 2)
    found = portions([write(1, large), Batch([write(2, large), write(2, large)]), write(3)], lambda _: None)
    assert [sent(portion) for portion in found] == [[1], [2, 2], [3]]


def test_one_write_is_no_batch() -> None:
    assert portions([write(1)], lambda _: None) == [write(1)]
    assert portions([], lambda _: None) == []
