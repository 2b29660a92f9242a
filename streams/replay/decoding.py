"""Decodes the records that some projection reads, in the cheapest order, and passes over the others."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

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


class Decoded(NamedTuple):
    """The records of a batch: an event for each, None for what nobody reads or can read; and why not, by place."""

    events: list[Event | None]
    errors: dict[int, str]

    def read(self) -> list[Event]:
        """Return those that there are."""
        return [event for event in self.events if event is not None]


def decoded(values: Sequence[bytes], passed_over: Collection[bytes]) -> Decoded:
    """Decode the records that are not passed over: what begins alike together, and where that fails one by one."""
    alike: dict[bytes, list[int]] = {}
    for at, value in enumerate(values):
        alike.setdefault(value[: codec.HEADER_BYTES], []).append(at)
    events: list[Event | None] = [None] * len(values)
    errors: dict[int, str] = {}
    for header, places in alike.items():
        if header not in passed_over:
            for start in range(0, len(places), codec.AT_ONCE):
                _decode(values, places[start : start + codec.AT_ONCE], events, errors)
    return Decoded(events, dict(sorted(errors.items())))


def _decode(values: Sequence[bytes], places: Sequence[int], events: list[Event | None], errors: dict[int, str]) -> None:
    try:
        for at, event in zip(places, codec.decode_together([values[at] for at in places]), strict=True):
            events[at] = event
    except codec.DecodeError:
        for at in places:
            try:
                events[at] = codec.decode(values[at])
            except codec.DecodeError as error:
                errors[at] = str(error)
