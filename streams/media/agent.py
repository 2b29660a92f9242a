"""Consumes uploads into the media projection.

Consumes:   MediaUploaded, MediaReady, MediaFailed, MediaDescribed, MediaCollected, TweetPosted, TweetDeleted,
            TweetModerated, ProfileEdited, AccountErased
Writes:     the media store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.media.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "media_agent"]


async def media_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
