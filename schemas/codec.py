"""Events to bytes and back: Confluent's wire format (magic byte 0, 4-byte schema id, Avro body).

A value of any released version decodes to today's event class: Avro schema resolution fills what is new with its
default; what resolution cannot say, an upcaster in UPCASTERS does.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import fastavro
import msgspec

from schemas import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.envelope import Event

_HEADER = struct.Struct(">bI")
_MAGIC = 0

UPCASTERS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Schema id of an old version → what turns its fields into today's, where schema resolution alone cannot."""


class DecodeError(Exception):
    """The bytes are no event of ours: wrong magic, unknown schema id, or a body that does not fit its schema."""


def _latest(entry: catalogue.EventType) -> Any:
    return fastavro.parse_schema(catalogue.avro_schema(entry.event, max(entry.versions)))


_LATEST = {entry.event: _latest(entry) for entry in catalogue.CATALOGUE}
_WRITERS: dict[type[Event], tuple[bytes, Any]] = {
    entry.event: (_HEADER.pack(_MAGIC, entry.versions[max(entry.versions)]), _LATEST[entry.event])
    for entry in catalogue.CATALOGUE
}
_READERS: dict[int, tuple[type[Event], Any, Any]] = {
    schema_id: (
        entry.event,
        _LATEST[entry.event]
        if version == max(entry.versions)
        else fastavro.parse_schema(catalogue.avro_schema(entry.event, version)),
        None if version == max(entry.versions) else _LATEST[entry.event],
    )
    for entry in catalogue.CATALOGUE
    for version, schema_id in entry.versions.items()
}  # a reader schema is given only for old versions: resolution costs time, and today's bodies need none


def encode(event: Event) -> bytes:
    """Return the event in the wire format, under its newest schema."""
    header, schema = _WRITERS[type(event)]
    body = io.BytesIO()
    body.write(header)
    fastavro.schemaless_writer(body, schema, msgspec.to_builtins(event, builtin_types=(bytes,)))
    return body.getvalue()


def decode(value: bytes) -> Event:
    """Return the event that the bytes say; raises DecodeError."""
    try:
        return _decode(value)
    except DecodeError:
        raise
    except Exception as error:  # fastavro raises anything from EOFError to UnicodeDecodeError on bad bytes
        raise DecodeError(f"{type(error).__name__}: {error}") from error


def _decode(value: bytes) -> Event:
    magic, schema_id = _HEADER.unpack_from(value)
    if magic != _MAGIC or schema_id not in _READERS:
        raise DecodeError(f"no event of ours: magic byte {magic}, schema id {schema_id}")
    event_type, written, wanted = _READERS[schema_id]
    body = io.BytesIO(value)
    body.seek(_HEADER.size)
    fields: Any = fastavro.schemaless_reader(body, written, wanted)
    if body.tell() != len(value):
        raise DecodeError(f"{len(value) - body.tell()} bytes left over after {event_type.__name__}")
    if schema_id in UPCASTERS:
        fields = UPCASTERS[schema_id](fields)
    return msgspec.convert(fields, event_type, builtin_types=(bytes,))


def schema_id_of(value: bytes) -> int:
    """Return the schema id under which a value that decodes was written."""
    schema_id: int = _HEADER.unpack_from(value)[1]
    return schema_id


def topic_and_key(event: Event) -> tuple[str, int]:
    """Return where the event belongs: its topic, and the id of the entity whose order it keeps."""
    entry = catalogue.BY_EVENT[type(event)]
    return entry.topic, getattr(event, entry.key_field)
