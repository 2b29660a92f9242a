"""Takes the fields of an old version of an event to those of the newest, version by version.

Guarantee:  pure; a step has an upcaster where Avro's defaults do not say it all, and what that leaves out its default
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from schemas import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.catalogue import EventType
    from schemas.envelope import Fields

Step = Callable[["Fields"], "Fields"]


def steps(entry: EventType, version: int) -> tuple[Step, ...]:
    """Return what is done to the fields as they were written; none where schema resolution alone is enough."""
    left = range(version, max(entry.versions))
    if entry.upcasters.keys().isdisjoint(left):
        return ()
    return tuple(_step(entry, number) for number in left)


def _step(entry: EventType, number: int) -> Step:
    """Return the step from a version to the next: the upcaster, if there is one, then defaults for what is new."""
    known = {field["name"] for field in catalogue.avro_schema(entry.event, number)["fields"]}
    following = catalogue.avro_schema(entry.event, number + 1)["fields"]
    fill = filling({field["name"]: default_of(field) for field in following if field["name"] not in known})
    upcaster = entry.upcasters.get(number)
    return fill if upcaster is None else lambda fields: fill(upcaster(fields))


def filling(defaults: Mapping[str, Any]) -> Step:
    """Return the step that adds these fields where they are missing."""
    return lambda fields: {**defaults, **fields}


def default_of(field: dict[str, Any]) -> Any:
    """Return the default of a field as it is read: Avro writes bytes as text."""
    default = field["default"]
    return default.encode("latin-1") if field["type"] == "bytes" else default
