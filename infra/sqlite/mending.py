"""Puts rows of a projection's file right, each for itself: no trigger counts along, because counts are rows, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.sqlite.content import RowDifference


def mend(connection: apsw.Connection, differences: Sequence[RowDifference]) -> None:
    """Make each row what the other file has; inside the caller's transaction."""
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    try:
        for it in differences:
            where = " AND ".join(f"{column} = ?" for column, _ in it.key)
            connection.execute(f"DELETE FROM {it.table} WHERE {where}", [value for _, value in it.key])
            if it.other is not None:
                marks = ", ".join("?" for _ in it.columns)
                connection.execute(f"INSERT INTO {it.table} ({', '.join(it.columns)}) VALUES ({marks})", it.other)
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
