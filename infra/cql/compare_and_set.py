"""Compare-and-set that is sure of itself: an attempt that timed out is undecided, and the next one decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cql.session import CqlSession

_ATTEMPTS = 3  # the next one first finishes whatever the last one left half done


def compare_and_set(session: CqlSession, statement: str, values: Sequence[Any]) -> bool | None:
    """Tell whether the condition held and the row was written.

    None: it did not hold, but an attempt before had timed out and may be why: look whether the row is one's own.
    """
    timed_out = False
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            applied = session.run(statement, values, idempotent=False)[0][0]
        except StoreUnavailableError:
            if attempt == _ATTEMPTS:
                raise
            timed_out = True
        else:
            return True if applied else None if timed_out else False
    raise AssertionError  # the loop returns or raises
