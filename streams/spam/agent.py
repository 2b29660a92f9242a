"""Consumes tweets into the spam projection.

Consumes:   TweetPosted; the rest of tweets is passed over
Writes:     the spam store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.spam.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "spam_agent"]


async def spam_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
