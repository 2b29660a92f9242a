"""Requests about notifications, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class MarkRead(NamedTuple):
    """Notifications are read up to a time (unix milliseconds; None: now)."""

    user_id: int
    up_to_ms: int | None


class Prefer(NamedTuple):
    """Kinds are wanted, or not, by their words."""

    user_id: int
    wanted: Mapping[str, bool]
