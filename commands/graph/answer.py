"""What the callers of graph commands are told."""

from __future__ import annotations

import msgspec

from commands.fields import Id


class FollowAnswer(msgspec.Struct):
    """Whether the first account now follows the second."""

    follower_id: Id
    followee_id: Id
    following: bool


class BlockAnswer(msgspec.Struct):
    """Whether the first account now blocks the second."""

    user_id: Id
    target_id: Id
    blocking: bool


class MuteAnswer(msgspec.Struct):
    """Whether the first account now mutes the second."""

    user_id: Id
    target_id: Id
    muting: bool
