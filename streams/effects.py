"""How far agents of effects are, which write nothing: checkpoints without anything beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.sqlite.projection_store import SqliteProjectionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class SqliteProgress(SqliteProjectionStore):
    """The checkpoints of an agent, in a file."""

    SCHEMA = ""
    STATEMENTS = {}  # noqa: RUF012 - the base says that it is the class's


def nothing(_: Sequence[Event]) -> list[Any]:
    """Return what an event writes: nothing."""
    return []
