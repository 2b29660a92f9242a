"""What is sent to CQL, as data: it needs no driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[Any, ...]


class Call(NamedTuple):
    """One statement with its values; `idempotent`: it may be sent twice (a SELECT, or a write USING TIMESTAMP)."""

    statement: str
    values: Sequence[Any] = ()
    idempotent: bool = True


class Batch(NamedTuple):
    """Calls that travel together; those on one partition are applied atomically."""

    calls: Sequence[Call]
