"""Checks the rules that the event schemas keep, so that every event ever written can be read for ever.

FULL_TRANSITIVE: any two released versions of an event can read each other's records, in both directions, by Avro's
own rules. Also: everything documented, names and defaults as in the event classes, no schema id twice, no file that
the catalogue does not know, versions without a hole, upcasters between versions that there are. Run by `make
schemas`: python -m infra.schema_check
"""

from __future__ import annotations

import itertools
import json
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas import catalogue, upcasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.catalogue import EventType

Schema = dict[str, Any]


def problems() -> list[str]:
    """Return what is wrong with the released schemas: one line a fault."""
    return [
        *duplicate_ids(catalogue.CATALOGUE),
        *unknown_files(catalogue.CATALOGUE),
        *misnumbered(catalogue.CATALOGUE),
        *itertools.chain.from_iterable(_problems_of(entry) for entry in catalogue.CATALOGUE),
    ]


def _problems_of(entry: EventType) -> Iterator[str]:
    versions = {number: catalogue.avro_schema(entry.event, number) for number in sorted(entry.versions)}
    for number, schema in versions.items():
        yield from (f"{entry.event.__name__}.v{number}: {problem}" for problem in undocumented(schema))
    yield from (f"{entry.event.__name__}: {problem}" for problem in incompatible(versions))
    yield from (f"{entry.event.__name__}: {problem}" for problem in unlike(entry, versions[max(versions)]))


def duplicate_ids(entries: Sequence[EventType]) -> Iterator[str]:
    """Yield schema ids that two versions share."""
    seen: dict[int, str] = {}
    for entry in entries:
        for number, schema_id in entry.versions.items():
            name = f"{entry.event.__name__}.v{number}"
            if schema_id in seen:
                yield f"{name}: schema id {schema_id} is already that of {seen[schema_id]}"
            seen[schema_id] = name


def unknown_files(entries: Sequence[EventType]) -> Iterator[str]:
    """Yield schema files that the catalogue does not name: a released version is never dropped from it."""
    known = {f"{entry.event.__name__}.v{number}.avsc" for entry in entries for number in entry.versions}
    for noun in sorted({entry.event.__module__.rsplit(".", 2)[-2] for entry in entries}):
        for file in resources.files(f"schemas.{noun}").iterdir():
            if file.name.endswith(".avsc") and file.name not in known:
                yield f"schemas/{noun}/{file.name}: not in the catalogue"


def misnumbered(entries: Sequence[EventType]) -> Iterator[str]:
    """Yield versions that do not count from 1, and upcasters that lead from none to the next."""
    for entry in entries:
        name, numbers = entry.event.__name__, sorted(entry.versions)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{name}: its versions are {numbers}"
        for number in sorted(set(entry.upcasters) - set(numbers[:-1])):
            yield f"{name}: an upcaster leads from version {number}, which has no next one"


def incompatible(versions: Mapping[int, Schema]) -> Iterator[str]:
    """Yield pairs of versions of which one cannot read the other's records."""
    parsed = {number: parse(json.dumps(schema)) for number, schema in versions.items()}
    for reader, writer in itertools.permutations(parsed, 2):
        result = ReaderWriterCompatibilityChecker().get_compatibility(parsed[reader], parsed[writer])
        if result.compatibility is not SchemaCompatibilityType.compatible:
            yield f"version {reader} cannot read version {writer}: {'; '.join(sorted(result.messages))}"


def undocumented(schema: Schema) -> Iterator[str]:
    """Yield records and fields that have no `doc`."""
    for record in _records(schema):
        if not record.get("doc"):
            yield f"record {record['name']} has no doc"
        for field in record["fields"]:
            if not field.get("doc"):
                yield f"field {record['name']}.{field['name']} has no doc"


def _records(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _records(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            yield schema
            for field in schema["fields"]:
                yield from _records(field["type"])
        yield from _records(schema.get("items"))
        yield from _records(schema.get("values"))


def unlike(entry: EventType, schema: Schema) -> Iterator[str]:
    """Yield where the newest schema and the event class do not say the same: names, order and defaults of fields."""
    if schema["name"] != entry.event.__name__:
        yield f"the schema calls it {schema['name']}"
    fields = msgspec.structs.fields(entry.event)
    names = [field["name"] for field in schema["fields"]]
    if names != [field.name for field in fields]:
        yield f"the schema has the fields {names}"
        return
    if entry.key_field not in names:
        yield f"there is no field {entry.key_field} to take the key from"
    for said, field in zip(schema["fields"], fields, strict=True):
        if _default_of_schema(said) != _default_of_class(field):
            yield f"{field.name} has another default in the class"


def _default_of_schema(field: Schema) -> Any:
    return upcasting.default_of(field) if "default" in field else msgspec.NODEFAULT


def _default_of_class(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def main() -> int:
    """Print what is wrong; the exit code says whether anything is."""
    found = problems()
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    count = sum(len(entry.versions) for entry in catalogue.CATALOGUE)
    sys.stdout.write(f"{count} schemas, {len(found)} problems\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
