"""Consumes accounts into the accounts projection.

Consumes:   AccountRegistered, ProfileEdited, what others decided (AccountSuspended …); SignedIn is passed over
Writes:     the accounts store
Guarantee:  every record is applied once; a batch and its checkpoint are one step
Rebuild:    delete the projection's folder and start again: the store's checkpoint decides where reading begins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.accounts.read_model import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from infra.log.port import Batch
    from streams.loop import ProjectionLoop

__all__ = ["TOPICS", "accounts_agent"]


async def accounts_agent(batches: AsyncIterable[Batch], loop: ProjectionLoop) -> None:
    """Handle every batch."""
    async for batch in batches:
        await loop.handle(batch)
