"""Writes one encoded sample per schema id that has none yet: run once when a version is released, never again for it.

Usage: python -m tests.contract.golden.make
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from schemas import catalogue
from schemas.codec import encode

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent
FULL_ENVELOPE = {
    "event_id": 112_206_323_711_377_409,
    "occurred_at_ms": 1_712_132_624_989,
    "actor_id": 112_206_323_711_377_410,
    "correlation_id": "01HTHX-ü-🐦",
    "causation_id": 3,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


PLAIN: dict[type, Callable[[int], Any]] = {
    bool: lambda number: number % 2 == 1,
    int: lambda number: (1 << 62) + number,
    str: lambda number: f"text {number} ñ 漢字 🐦",
    bytes: lambda number: bytes(range(number, number + 8)) + b"\x00\xff",
}


def sample(kind: Any, number: int) -> Any:
    """Return a value of a type, different for each number."""
    if kind in PLAIN:
        return PLAIN[kind](number)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return {field.name: sample(field.type, number + at) for at, field in enumerate(fields)}
    inner, *rest = get_args(kind)
    if get_origin(kind) is dict:
        return {sample(inner, number): sample(rest[0], number)}
    if get_origin(kind) is list:
        return [sample(inner, number), sample(inner, number + 10)]
    return sample(inner, number)  # X | None


def main() -> None:
    """Write what is missing."""
    for schema_id, entry in catalogue.BY_SCHEMA_ID.items():
        path = FOLDER / f"{schema_id}.bin"
        if path.exists() or entry.versions[max(entry.versions)] != schema_id:
            continue
        fields = {f.name: sample(f.type, at) for at, f in enumerate(msgspec.structs.fields(entry.event))}
        event = msgspec.convert({**fields, "envelope": FULL_ENVELOPE}, entry.event, builtin_types=(bytes,))
        path.write_bytes(encode(event))
        shown = {"event": entry.event.__name__, "fields": as_json(msgspec.to_builtins(event, builtin_types=(bytes,)))}
        path.with_suffix(".json").write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def as_json(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with bytes as base64."""
    return {name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in fields.items()}


if __name__ == "__main__":
    main()
