"""Rules: whose lists a viewer may read, and who is left out of lists. Pure.

A profile can be read by everyone, also across a block: it says `blocking` or `blocked_by`. Tweets and lists cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from query_api.errors import BlockedError, UnknownUserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Listed(NamedTuple):
    """One account in a list, and since when (unix milliseconds)."""

    at_ms: int
    user_id: int


def after(key: tuple[int, int] | None) -> Listed | None:
    """Return the row that a cursor's key stands for."""
    return None if key is None else Listed._make(key)


def check_may_read(user_id: int, known: Collection[int], blocked: Collection[int]) -> None:
    """Raise UnknownUserError or BlockedError where the viewer may not read what belongs to the account."""
    if user_id not in known:
        raise UnknownUserError
    if user_id in blocked:
        raise BlockedError


def unblocked(rows: Sequence[Listed], _: None, *, blocked: Collection[int]) -> list[tuple[Listed, Listed]]:
    """Return the accounts of a list that neither block the viewer nor are blocked, each as its own row."""
    return [(row, row) for row in rows if row.user_id not in blocked]
