"""Decides who follows, blocks and mutes whom.

Consumes:   Followed, Unfollowed, Blocked, Unblocked, Muted, Unmuted
Writes:     nothing itself; returns Follow, Unfollow, Block, Unblock, Mute, Unmute for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each account's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class Follow(NamedTuple):
    """The account follows the target since that time, unless it did already."""

    user_id: int
    target_id: int
    at_ms: int


class Unfollow(NamedTuple):
    """The account does not follow the target."""

    user_id: int
    target_id: int


class Block(NamedTuple):
    """The account blocks the target."""

    user_id: int
    target_id: int


class Unblock(NamedTuple):
    """The account does not block the target."""

    user_id: int
    target_id: int


class Mute(NamedTuple):
    """The account mutes the target."""

    user_id: int
    target_id: int


class Unmute(NamedTuple):
    """The account does not mute the target."""

    user_id: int
    target_id: int


Fact = Followed | Unfollowed | Blocked | Unblocked | Muted | Unmuted
Write = Follow | Unfollow | Block | Unblock | Mute | Unmute
Pair = tuple[int, int]


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, endings first.

    A beginning that an ending follows in the same batch is dropped, so that what is left of a pair is at most one
    ending and then one beginning: all endings may go before all beginnings, in long runs of one statement.
    """
    ended: dict[tuple[type[Write], Pair], Write] = {}
    begun: dict[tuple[type[Write], Pair], Write] = {}
    for event in cast("Sequence[Fact]", events):
        pair = (event.user_id, event.target_id)
        match event:
            case Followed():
                begun.setdefault((Follow, pair), Follow(*pair, event.envelope.occurred_at_ms))
            case Unfollowed():
                begun.pop((Follow, pair), None)
                ended[Unfollow, pair] = Unfollow(*pair)
            case Blocked():
                begun[Block, pair] = Block(*pair)
            case Unblocked():
                begun.pop((Block, pair), None)
                ended[Unblock, pair] = Unblock(*pair)
            case Muted():
                begun[Mute, pair] = Mute(*pair)
            case Unmuted():
                begun.pop((Mute, pair), None)
                ended[Unmute, pair] = Unmute(*pair)
            case _:
                assert_never(event)
    return [*ended.values(), *begun.values()]
