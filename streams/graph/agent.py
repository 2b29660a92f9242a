"""Consumes follows into the graph.

Consumes:   Followed, Unfollowed, Blocked, Unblocked, Muted, Unmuted
Writes:     the graph store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.graph.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "graph_agent"]


async def graph_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
