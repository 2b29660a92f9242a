"""Decodes the records that some projection reads, and passes over the others by their schema id."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from schemas import catalogue, codec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from schemas.envelope import Event

_PREFIX = struct.Struct(">bI")

Decoded = "Event | codec.DecodeError | None"


def prefixes_of(events: Collection[type[Event]]) -> frozenset[bytes]:
    """Return how the records of these events begin, in every released version."""
    entries = (catalogue.BY_EVENT[event] for event in events)
    return frozenset(_PREFIX.pack(0, schema_id) for entry in entries for schema_id in entry.versions.values())


def decoded(values: Sequence[bytes], passed_over: frozenset[bytes]) -> list[Event | codec.DecodeError | None]:
    """Return for each record its event, None for what nobody reads, or why it has none."""
    decode, length = codec.decode, _PREFIX.size
    found: list[Event | codec.DecodeError | None] = []
    for value in values:
        if value[:length] in passed_over:
            found.append(None)
            continue
        try:
            found.append(decode(value))
        except codec.DecodeError as error:
            found.append(error)
    return found
