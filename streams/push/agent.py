"""Sends what accounts are notified of to their devices: an effect, not a projection.

Consumes:   TweetPosted, Retweeted, Followed, Liked
Writes:     nothing but how far it is; sends messages (streams.push.effects), forgets subscriptions that have ended
Guarantee:  at least once: a batch that was cut off is sent again, under the same topics, so a device shows it once;
            nothing that happened before it was started first, and nothing older than `push_max_age_minutes`
Rebuild:    never: replays have no part in it; without its checkpoint it begins at the end of the log
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

NAME = "push"
TOPICS = ("tweets", "follows", "engagements")

__all__ = ["NAME", "TOPICS", "push_agent"]


async def push_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
