"""Shows what stands on a log as plain records, ready for JSON.

Personal data stays hidden: the log holds it encrypted, and a dump says only how long it is. Other bytes are base64.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from infra.log.port import LogReader, TopicPartition
from schemas.codec import DecodeError, decode, schema_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.log.port import Batch

PERSONAL_FIELDS = frozenset({"email"})
RECORDS_PER_READ = 500


class DumpableLog(LogReader, Protocol):
    """A log that can also say where it begins."""

    def first_offset(self, topic: str, partition: int) -> int:
        """Return the first offset kept."""


def dump(
    log: DumpableLog,
    topics: Sequence[str],
    *,
    partition: int | None = None,
    start: int = 0,
    stop: int | None = None,
    key: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the records at offsets `start` ≤ offset < `stop` of each partition, in the order of the log.

    Topic by topic, partition by partition (or of the one given), only of one key where it is given. Ends at the ends
    that the log has when the dump begins. A value that does not decode is shown as base64 with an `error`.
    Raises KeyError for an unknown topic, LogCorruptError for damaged records.
    """
    ends = log.end_offsets(topics)
    for topic in topics:
        for number in range(log.partitions(topic)) if partition is None else (partition,):
            end = ends[TopicPartition(topic, number)]
            yield from _partition(log, topic, number, start, end if stop is None else min(stop, end), key)


def _partition(
    log: DumpableLog, topic: str, partition: int, start: int, stop: int, key: int | None
) -> Iterator[dict[str, Any]]:
    offset = max(start, log.first_offset(topic, partition))
    while offset < stop:
        batch = log.read(topic, partition, offset, min(RECORDS_PER_READ, stop - offset))
        if batch is None:
            return
        yield from _shown(batch, key)
        offset = batch.next_offset


def _shown(batch: Batch, wanted: int | None) -> Iterator[dict[str, Any]]:
    for at, (key, value) in enumerate(zip(batch.keys, batch.values, strict=True)):
        if wanted is None or key == wanted:
            position = {"topic": batch.topic, "partition": batch.partition, "offset": batch.base_offset + at}
            yield {**position, "key": key, **_event(value)}


def _event(value: bytes) -> dict[str, Any]:
    try:
        event = decode(value)
    except DecodeError as error:
        return {"error": str(error), "value": b64encode(value).decode()}
    fields = msgspec.to_builtins(event, builtin_types=(bytes,))
    shown = {name: _field(name, content) for name, content in fields.items()}
    return {"event": type(event).__name__, "schema_id": schema_id_of(value), "fields": shown}


def _field(name: str, content: Any) -> Any:
    if not isinstance(content, bytes):
        return content
    if name in PERSONAL_FIELDS:
        return f"<encrypted {len(content)} bytes>"
    return b64encode(content).decode()
