"""Consumes tweets into the tweets projection.

Consumes:   TweetPosted, TweetDeleted, Retweeted, RetweetUndone, TweetModerated
Writes:     the tweets store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.tweets.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "tweets_agent"]


async def tweets_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
