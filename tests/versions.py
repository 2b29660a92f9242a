"""Events as programs of before wrote them: under any released version of their schema."""

from __future__ import annotations

import io
import random
import struct
from typing import TYPE_CHECKING, Any

import fastavro
import msgspec

from schemas.catalogue import BY_EVENT, avro_schema
from schemas.notifications.events import NotificationsSwitched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schemas.envelope import Event


def _as_lists(fields: dict[str, Any]) -> dict[str, Any]:
    on = [kind for kind, wanted in fields["wanted"].items() if wanted]
    return {**fields, "on": on, "off": [kind for kind in fields["wanted"] if kind not in on]}


BACK: dict[tuple[type[Event], int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    (NotificationsSwitched, 1): _as_lists,
}
"""What a version said in another way than by leaving fields out."""


def encode_as(event: Event, version: int) -> bytes:
    """Write an event under a version of its schema; what that does not have is lost."""
    schema = avro_schema(type(event), version)
    fields = msgspec.to_builtins(event, builtin_types=(bytes,))
    body = io.BytesIO()
    body.write(struct.pack(">bI", 0, BY_EVENT[type(event)].versions[version]))
    back = BACK.get((type(event), version), dict)
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), back(fields))
    return body.getvalue()


def mixed(events: Sequence[Event], seed: int = 5) -> list[bytes]:
    """Write each event under one of the versions of its schema, chosen at random."""
    chance = random.Random(seed)
    return [encode_as(event, chance.choice(sorted(BY_EVENT[type(event)].versions))) for event in events]
