"""Skeleton: the entries of a list, and the cursors that stand for them.

An entry is a minute, and what happened in it is ordered here by its own time: over the end of a page the order is
exact to the minute, within it to the millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.notifications.read_model import MINUTE_MS, Entry
from query_api import cursors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from projections.notifications.read_model import NotificationsReader
    from query_api.notifications.rules import Item

_KIND_BITS = 4


def cursor(user_id: int, entry: Entry) -> str:
    """Return the cursor of the page below an entry."""
    return cursors.encode(_scope(user_id), entry.minute << _KIND_BITS | entry.kind, entry.tweet_id)


def below(user_id: int, text: str | None) -> Entry | None:
    """Return the entry that a cursor stands for; raises InvalidCursorError."""
    key = cursors.decode(_scope(user_id), text)
    if key is None:
        return None
    return Entry(key[0] >> _KIND_BITS, key[1], key[0] & (1 << _KIND_BITS) - 1)


def since(
    reader: NotificationsReader, user_id: int, read_up_to_ms: int
) -> Callable[[Entry | None, int], Sequence[Entry]]:
    """Return the skeleton that ends where everything is read."""

    def entries(before: Entry | None, limit: int) -> Sequence[Entry]:
        found = reader.entries(user_id, before, limit)
        return [entry for entry in found if entry.minute >= read_up_to_ms // MINUTE_MS]

    return entries


def newest_first(items: Sequence[Item]) -> list[Item]:
    """Order the items of a page by their own times."""
    return sorted(items, key=lambda item: (item.at_ms, item.group.tweet_id, item.group.kind), reverse=True)


def _scope(user_id: int) -> str:
    return f"notifications:{user_id}"
