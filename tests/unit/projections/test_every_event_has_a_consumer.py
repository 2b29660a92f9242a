"""Every event in the catalogue is projected by something, or is known not to be, for a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from fastavro.utils import generate_one

from projections.home_timeline.projector import CloseLapsed
from schemas.catalogue import CATALOGUE, EventType, avro_schema
from schemas.operations.events import DeadLettered, ImportAdvanced
from streams.projections import PROJECTIONS
from tests.builders import EPOCH_MS

if TYPE_CHECKING:
    from schemas.envelope import Event

NOT_PROJECTED: dict[type[Event], str] = {
    ImportAdvanced: "an import reads back its own progress when it is resumed",
    DeadLettered: "waits for a person, who lists and retries dead letters",
}


def an_event(entry: EventType) -> Event:
    """An event of the type that uses every field: a reply that quotes, not a tweet that engagement passes over."""
    fields: Any = generate_one(avro_schema(entry.event, max(entry.versions)))
    fields["envelope"]["occurred_at_ms"] = EPOCH_MS
    fields.update({name: 1 for name in fields if name.endswith("_id")})
    fields.update({name: {"like": True} for name in fields if name == "wanted"})
    return msgspec.convert(fields, entry.event, builtin_types=(bytes,))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.event.__name__)
def test_every_event_has_a_consumer(entry: EventType) -> None:
    reading = [projection for projection in PROJECTIONS if entry.topic in projection.topics]
    writes = [write for projection in reading for write in projection.project([an_event(entry)])]
    says_more_than_the_time = any(not isinstance(write, CloseLapsed) for write in writes)
    assert says_more_than_the_time != (entry.event in NOT_PROJECTED)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_a_projector_takes_every_event_of_its_topics(projection: Any) -> None:
    for entry in CATALOGUE:
        if entry.topic in projection.topics:
            projection.project([an_event(entry)])
