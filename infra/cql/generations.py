"""Keeps the records of generations on Scylla or Cassandra: one row a projection, compared and set.

Guarantee:  a change is decided upon the row that it replaces; where another one came in between it is decided again. A
            change whose answer was lost is looked for before it is made again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from infra.cql.compare_and_set import compare_and_set
from infra.cql.schema import keyspaces
from infra.generations.record import UNKNOWN_VERSION, Record, unrecorded
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.cql.calls import Row
    from infra.cql.session import CqlSession
    from infra.settings import Settings

FAMILY = "projections"
ATTEMPTS = 20  # each is lost only to another change that was made
READ = "SELECT projection, record FROM {}.generations WHERE family = ?"
"""Asks for all records, in the keyspace of compare-and-set."""

_ONE = "SELECT version, record FROM {}.generations WHERE family = ? AND projection = ?"
_FIRST = "INSERT INTO {}.generations (family, projection, version, record) VALUES (?, ?, ?, ?) IF NOT EXISTS"
_NEXT = "UPDATE {}.generations SET version = ?, record = ? WHERE family = ? AND projection = ? IF version = ?"
_MADE_BY = "SELECT schema_version FROM {}.stores WHERE projection = ? AND generation = 1"


class CqlGenerations:
    """The records of all projections of a keyspace (Kept); `of` asks each time."""

    def __init__(self, session: CqlSession, settings: Settings) -> None:
        self._session = session
        self._names = keyspaces(settings)

    def of(self, projection: str) -> Record:
        """Read what is recorded."""
        found = self._found(projection)
        return unrecorded(projection) if found is None else _decoded(found[1])

    def change(self, projection: str, decide: Callable[[Record], Record]) -> Record:
        """Replace the record by what is decided upon it; return that."""
        for _ in range(ATTEMPTS):
            found = self._found(projection)
            before = unrecorded(projection, self._made_by(projection)) if found is None else _decoded(found[1])
            after = decide(before)
            if after == before or self._replaced(projection, None if found is None else found[0], after):
                return after
        raise TroubleError(f"the generations of {projection} are being changed all the time", "try again")

    def _replaced(self, projection: str, version: int | None, record: Record) -> bool:
        text = msgspec.json.encode(record).decode()
        if version is None:
            done = compare_and_set(self._session, self._cql(_FIRST), (FAMILY, projection, 1, text))
        else:
            values = (version + 1, text, FAMILY, projection, version)
            done = compare_and_set(self._session, self._cql(_NEXT), values)
        if done is None:  # its answer was lost: it is ours if it stands there
            found = self._found(projection)
            return found is not None and found[1] == text
        return done

    def _found(self, projection: str) -> Row | None:
        found = self._session.run(self._cql(_ONE), (FAMILY, projection))
        return found[0] if found else None

    def _made_by(self, projection: str) -> int:
        """Return by which version a generation was made that is not on record."""
        found = self._session.run(_MADE_BY.format(self._names.rows), (projection,))
        return found[0][0] or UNKNOWN_VERSION if found else UNKNOWN_VERSION

    def _cql(self, text: str) -> str:
        return text.format(self._names.lwt)


def decoded(rows: list[Row]) -> dict[str, Record]:
    """Return the records that READ has found, by projection."""
    return {projection: _decoded(text) for projection, text in rows}


def _decoded(text: str) -> Record:
    return msgspec.json.decode(text, type=Record)
