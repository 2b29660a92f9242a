"""Events to bytes and back: Confluent's wire format (magic byte 0, 4-byte schema id, Avro body).

A value of any released version decodes to today's event class: Avro schema resolution fills what is new with its
default; what resolution cannot say, the upcasters of the catalogue do. What is personal is sealed by whoever gives
seals to `encode`. It is opened by the seals of the process, which its bootstrap sets (`open_with`): whoever has none
reads events without what is under their seals.
"""

from __future__ import annotations

import io
import struct
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro
import msgspec

from schemas import catalogue, upcasting
from schemas.sealing import FIELD, Sealing, SealsAwayError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from schemas.envelope import Event
    from schemas.sealing import Seals
    from schemas.upcasting import Step

_HEADER = struct.Struct(">bI")
_MAGIC = 0
HEADER_BYTES = _HEADER.size
AT_ONCE = 60
"""Records that are decoded together: an array of up to 63 says so in one byte."""
_MARK = b"\xd7\x3a\x91\x5c"


class DecodeError(Exception):
    """The bytes are no event of ours: wrong magic, unknown schema id, or a body that does not fit its schema."""


def _latest(entry: catalogue.EventType) -> Any:
    schema: Any = fastavro.parse_schema(catalogue.avro_schema(entry.event, max(entry.versions)))
    for field in schema["fields"]:
        if "default" in field:
            field["default"] = upcasting.default_of(field)  # as it is read: Avro writes bytes as text
    return schema


_LATEST = {entry.event: _latest(entry) for entry in catalogue.CATALOGUE}
_WRITERS: dict[type[Event], tuple[bytes, Any]] = {
    entry.event: (_HEADER.pack(_MAGIC, entry.versions[max(entry.versions)]), _LATEST[entry.event])
    for entry in catalogue.CATALOGUE
}
_SEALINGS: dict[type[Event], Sealing] = {
    entry.event: Sealing(entry, _LATEST[entry.event]["fields"]) for entry in catalogue.CATALOGUE if entry.personal
}

_SEALED_TOPICS = frozenset(entry.topic for entry in catalogue.CATALOGUE if entry.personal and not entry.subject_field)


class _Reader(NamedTuple):
    """How the records of one schema id are read: by schema resolution, or as written and then step by step."""

    event: type[Event]
    written: Any
    wanted: Any
    steps: tuple[Step, ...]


def _reader(entry: catalogue.EventType, version: int) -> _Reader:
    """Give a reader schema to old versions only: resolution costs time, and today's bodies need none."""
    newest = _LATEST[entry.event]
    if version == max(entry.versions):
        return _Reader(entry.event, newest, None, ())
    steps = upcasting.steps(entry, version)
    written = fastavro.parse_schema(catalogue.avro_schema(entry.event, version))
    return _Reader(entry.event, written, None if steps else newest, steps)


_READERS = {
    schema_id: _reader(entry, version) for entry in catalogue.CATALOGUE for version, schema_id in entry.versions.items()
}


class _Together(NamedTuple):
    """How many records of one schema id are read at once: as an array, whose items end with a mark each."""

    sealing: Sealing | None
    written: Any
    events: Any


def _together(entry: catalogue.EventType) -> _Together:
    schema = catalogue.avro_schema(entry.event, max(entry.versions))
    mark = {"name": "_mark", "type": {"type": "fixed", "name": "Mark", "size": len(_MARK)}}
    items = {**schema, "fields": [*schema["fields"], mark]}
    written = fastavro.parse_schema({"type": "array", "items": items})
    return _Together(_SEALINGS.get(entry.event), written, GenericAlias(list, entry.event))


_TOGETHER = {_WRITERS[entry.event][0]: _together(entry) for entry in catalogue.CATALOGUE}


def encode(event: Event, seals: Seals | None = None) -> bytes:
    """Return the event in the wire format, under its newest schema; with seals, what is personal is under one."""
    header, schema = _WRITERS[type(event)]
    fields = msgspec.to_builtins(event, builtin_types=(bytes,))
    if seals is not None and (sealing := _SEALINGS.get(type(event))) is not None:
        sealing.seal(fields, seals)
    body = io.BytesIO()
    body.write(header)
    fastavro.schemaless_writer(body, schema, fields)
    return body.getvalue()


class _Opening:
    """What opens seals in this process."""

    seals: Seals | None = None


def open_with(seals: Seals | None) -> None:
    """Open seals with these from now on, wherever this process decodes: it belongs to one installation."""
    _Opening.seals = seals


def expect(topic: str, keys: Collection[int]) -> None:
    """Have at hand what records of these keys will need, asked for together, if it can be."""
    if _Opening.seals is not None and topic in _SEALED_TOPICS:
        _Opening.seals.expect(keys)


def decode(value: bytes) -> Event:
    """Return the event that the bytes say, with what is under its seal if it can be opened.

    Raises DecodeError, and SealsAwayError where it cannot be known now whether it can.
    """
    try:
        return _decode(value)
    except (DecodeError, SealsAwayError):
        raise
    except Exception as error:  # fastavro raises anything from EOFError to UnicodeDecodeError on bad bytes
        raise DecodeError(f"{type(error).__name__}: {error}") from error


def _decode(value: bytes) -> Event:
    magic, schema_id = _HEADER.unpack_from(value)
    if magic != _MAGIC or schema_id not in _READERS:
        raise DecodeError(f"no event of ours: magic byte {magic}, schema id {schema_id}")
    event_type, written, wanted, steps = _READERS[schema_id]
    body = io.BytesIO(value)
    body.seek(_HEADER.size)
    fields: Any = fastavro.schemaless_reader(body, written, wanted)
    if body.tell() != len(value):
        raise DecodeError(f"{len(value) - body.tell()} bytes left over after {event_type.__name__}")
    for step in steps:
        fields = step(fields)
    if _Opening.seals is not None and fields.get(FIELD):
        _SEALINGS[event_type].open(fields, _Opening.seals)
    return msgspec.convert(fields, event_type, builtin_types=(bytes,))


def decode_together(values: Sequence[bytes]) -> list[Event]:
    """Return the events of up to AT_ONCE values with one header: a sixth to a quarter cheaper than each by itself.

    Raises DecodeError where one of them may not be in order, or is of an older version: `decode` tells of each.
    Raises SealsAwayError as `decode` does.
    """
    together = _TOGETHER.get(values[0][:HEADER_BYTES])
    if together is None or len(values) > AT_ONCE:
        raise DecodeError("these are to be decoded one by one")
    try:
        return _decode_together(together, values)
    except (DecodeError, SealsAwayError):
        raise
    except Exception as error:  # as in `decode`
        raise DecodeError(f"{type(error).__name__}: {error}") from error


def _decode_together(together: _Together, values: Sequence[bytes]) -> list[Event]:
    length = bytes((2 * len(values),))
    bodies = io.BytesIO(b"".join([length, *[value[HEADER_BYTES:] + _MARK for value in values], b"\0"]))
    found: Any = fastavro.schemaless_reader(bodies, together.written, None)
    if len(found) != len(values) or bodies.read() or any(fields["_mark"] != _MARK for fields in found):
        raise DecodeError("a body does not end where its schema says")
    if together.sealing is not None and _Opening.seals is not None:
        for fields in found:
            if fields[FIELD]:
                together.sealing.open(fields, _Opening.seals)
    decoded: list[Event] = msgspec.convert(found, together.events, builtin_types=(bytes,))
    return decoded


def schema_id_of(value: bytes) -> int:
    """Return the schema id under which a value that decodes was written."""
    schema_id: int = _HEADER.unpack_from(value)[1]
    return schema_id


def topic_and_key(event: Event) -> tuple[str, int]:
    """Return where the event belongs: its topic, and the id of the entity whose order it keeps."""
    entry = catalogue.BY_EVENT[type(event)]
    return entry.topic, getattr(event, entry.key_field)
