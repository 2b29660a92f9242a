"""Puts what is personal in an event under a seal, as one blob, and takes it out again. Pure: who has the keys seals.

The catalogue says which fields those are, in an order that is only ever added to, and of which account. What stands in
their place is empty; of lists whose items have one personal field, the items stay without it. An event whose seal
cannot be opened any more, because the key was destroyed, is the event without what was personal: `sealed` tells.

Guarantee:  what was opened is what was sealed, to the byte, in the same event of the same account, or an error
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from schemas import catalogue, upcasting

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from schemas.catalogue import EventType
    from schemas.envelope import Fields

FIELD = "sealed"

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


class SealsAwayError(Exception):
    """The keys cannot be asked now, or know nothing of an account that has sealed: nothing may be taken for erased."""


class Seals(Protocol):
    """Seals and opens under the keys of accounts; bound to the event, so that no blob passes for another's."""

    def seal(self, user_id: int, event_id: int, plain: bytes) -> bytes:
        """Return the bytes under seal; the key is durable when this returns. Raises where it was destroyed."""

    def open(self, user_id: int, event_id: int, sealed: bytes) -> bytes | None:
        """Return what was sealed, or None where the account's key was destroyed; raises SealsAwayError."""

    def expect(self, user_ids: Collection[int]) -> None:
        """Have the keys of these accounts at hand, asked for together, if they can be."""


class _Part(NamedTuple):
    """One personal field: what it is when it is empty, or which field of its items is (ANY: whether it has any)."""

    name: str
    empty: Any
    inner: str


class Sealing:
    """How one type of event is sealed."""

    def __init__(self, entry: EventType, fields: Sequence[dict[str, Any]]) -> None:
        """`fields` are those of the newest schema."""
        known = {field["name"]: field for field in fields}
        self._subject = entry.subject_field or entry.key_field
        self._parts = tuple(_Part(name, _empty(known[name]), inner) for name, inner in entry.personal.items())

    def seal(self, fields: Fields, seals: Seals) -> None:
        """Move what is personal in the fields under a seal; one that they have is left as it is."""
        if fields[FIELD]:
            return
        plain = []
        for name, empty, inner in self._parts:
            plain.append(fields[name])
            fields[name] = _emptied(fields[name], empty, inner)
        fields[FIELD] = seals.seal(fields[self._subject], fields["envelope"]["event_id"], _pack(plain))

    def open(self, fields: Fields, seals: Seals) -> None:
        """Put what is under the seal back into the fields, where it can be opened still."""
        plain = seals.open(fields[self._subject], fields["envelope"]["event_id"], fields[FIELD])
        if plain is not None:
            for part, value in zip(self._parts, _unpack(plain), strict=False):  # older seals hold fewer
                fields[part.name] = value
            fields[FIELD] = b""


def _emptied(value: Any, empty: Any, inner: str) -> Any:
    if inner == catalogue.ANY:
        return [""] if value else []
    return [{**item, inner: ""} for item in value] if inner else empty


def _empty(field: dict[str, Any]) -> Any:
    return upcasting.default_of(field) if "default" in field else ""
