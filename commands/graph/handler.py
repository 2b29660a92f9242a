"""Decides about follows, blocks and mutes. Pure.

What would change nothing is no event, but only where that is certain: a repeated event is harmless, a lost one is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.graph.answer import BlockAnswer, FollowAnswer, MuteAnswer
from schemas.catalogue import FOLLOWS
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from commands.decision import Stamp
    from commands.graph.command import Relate
    from commands.graph.found import RelationFound
    from schemas.envelope import Event


def check_relate(command: Relate, found: RelationFound) -> None:
    """Refuse a relation to oneself or to nobody."""
    if command.user_id == command.target_id:
        raise CommandRefusedError("self_relation", param="user_id")
    if not found.exists:
        raise CommandRefusedError("user_not_found", param="user_id")


def check_follow(command: Relate, found: RelationFound) -> None:
    """Refuse, beside that, to follow across a block."""
    check_relate(command, found)
    if found.relation.blocked_by or found.relation.blocking:
        raise CommandRefusedError("blocked")


def follow(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Follow an account, once."""
    check_follow(command, found)
    events = () if found.relation.following and found.certain else (Followed(stamp.envelope(), *command),)
    unblocked = (claims.block_key(*command), claims.block_key(command.target_id, command.user_id))
    return _decision(FollowAnswer(*_uuids(command), True), events, command)._replace(free=unblocked)


def unfollow(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Follow an account no longer."""
    check_relate(command, found)
    events = (Unfollowed(stamp.envelope(), *command),) if found.relation.following or not found.certain else ()
    return _decision(FollowAnswer(*_uuids(command), False), events, command)


def block(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Block an account, once; both cease to follow each other, each under its own key.

    The ends of follows are said whether or not there are any: one may be on its way to the log. From here on the
    claim keeps follows out.
    """
    check_relate(command, found)
    answer = BlockAnswer(*_uuids(command), True)
    if found.claimed or (found.relation.blocking and found.certain):
        return _decision(answer, (), command)
    user_id, target_id = command
    events = (
        Blocked(stamp.envelope(), user_id, target_id),
        Unfollowed(stamp.envelope(), user_id, target_id),
        Unfollowed(stamp.envelope(), target_id, user_id),
    )
    return _decision(answer, events, command)._replace(claims=(claims.block(*command),))


def unblock(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Block an account no longer; the follows that the block ended stay ended."""
    check_relate(command, found)
    events = (Unblocked(stamp.envelope(), *command),) if found.relation.blocking or not found.certain else ()
    releases = (claims.block(*command),) if found.claimed else ()
    return _decision(BlockAnswer(*_uuids(command), False), events, command)._replace(releases=releases)


def mute(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Mute an account, once."""
    check_relate(command, found)
    events = () if found.relation.muting and found.certain else (Muted(stamp.envelope(), *command),)
    return _decision(MuteAnswer(*_uuids(command), True), events, command)


def unmute(command: Relate, found: RelationFound, stamp: Stamp) -> Decision:
    """Mute an account no longer."""
    check_relate(command, found)
    events = (Unmuted(stamp.envelope(), *command),) if found.relation.muting or not found.certain else ()
    return _decision(MuteAnswer(*_uuids(command), False), events, command)


def _uuids(command: Relate) -> tuple[str, str]:
    return to_uuid(command.user_id), to_uuid(command.target_id)


def _decision(answer: FollowAnswer | BlockAnswer | MuteAnswer, events: tuple[Event, ...], command: Relate) -> Decision:
    return Decision(answer, events, concerns=(Concern(FOLLOWS, command.user_id),))
