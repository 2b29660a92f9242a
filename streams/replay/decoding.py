"""Decodes the records that some projection reads, in the cheapest order, and passes over the others."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from schemas import catalogue, codec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.log.port import TopicPartition
    from schemas.envelope import Event

_PREFIX = struct.Struct(">bI")

FIRST = (catalogue.ACCOUNTS, catalogue.FOLLOWS, catalogue.TWEETS, catalogue.ENGAGEMENTS)
"""Only the order of each key matters, so the cheapest is taken: who follows whom is known before anybody speaks."""


def cheapest(place: TopicPartition) -> tuple[int, str, int]:
    """Return by what partitions are put in the order in which they are read."""
    known = FIRST.index(place.topic) if place.topic in FIRST else len(FIRST)
    return known, *place


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
