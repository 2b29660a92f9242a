"""Facts about the graph; topic `follows`, key: the account whose relation it is (`user_id`).

A block also ends the follows between the two: the command says so by Unfollowed events of their own, each under its
follower's key, so that a follow is only ever changed by events of one key.
"""

from __future__ import annotations

from schemas.envelope import Event


class _Relation(Event, frozen=True):
    user_id: int
    target_id: int


class Followed(_Relation, frozen=True):
    """`user_id` follows `target_id` from now on."""


class Unfollowed(_Relation, frozen=True):
    """`user_id` no longer follows `target_id`."""


class Blocked(_Relation, frozen=True):
    """`user_id` blocks `target_id`: neither sees the other's tweets."""


class Unblocked(_Relation, frozen=True):
    """`user_id` no longer blocks `target_id`."""


class Muted(_Relation, frozen=True):
    """`user_id` no longer wants to see `target_id`'s tweets; the other is not told."""


class Unmuted(_Relation, frozen=True):
    """`user_id` sees `target_id`'s tweets again."""
