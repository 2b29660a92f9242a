"""Consumes what accounts are notified of into the notifications projection.

Consumes:   TweetPosted, Retweeted, RetweetUndone, Followed, Unfollowed, Liked, Unliked, NotificationsRead,
            NotificationsSwitched
Writes:     the notifications store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: nobody is told anything again, that is the live hub's and
            the push agent's, which look at what is new
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.notifications.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "notifications_agent"]


async def notifications_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
