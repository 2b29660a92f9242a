"""Consumes what is reported and decided into the moderation projection.

Consumes:   ReportFiled, CaseClaimed, CaseReleased, NoteAdded, CaseDecided, Appealed, AppealDecided, TopicDenied
Writes:     the moderation store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.moderation.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "moderation_agent"]


async def moderation_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
