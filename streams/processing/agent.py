"""Decodes what was uploaded, and deletes what was collected: an effect, not a projection.

Consumes:   MediaUploaded, MediaCollected; what it says itself is passed over
Writes:     objects; MediaReady or MediaFailed to the log; and how far it is
Guarantee:  at least once: an upload that was cut off is decoded again, into the same objects, and what is said again
            says the same; the checkpoint moves when the events of what is before it are durable
Rebuild:    never: replays have no part in it; without its checkpoint it would decode again what is still uploaded
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.catalogue import MEDIA

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

NAME = "media_processing"
TOPICS = (MEDIA,)

__all__ = ["NAME", "TOPICS", "processing_agent"]


async def processing_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
