"""Brings viewers in: reads who they are to others, and brings that to where the hub is.

The graph's projection and the hub read the same log, each at its own pace. What is read of the graph is at least as new
as the checkpoints before the read, and no newer than those after it. So the hub is waited for until it has passed the
latter, and then all that the log has said since the former is applied to what was read: facts about one pair are in one
partition, and the last one holds, whether or not it was in what was read already.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from query_api.errors import NotReadyError
from query_api.live.hub import decoded
from schemas.catalogue import FOLLOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.log.port import TopicPartition
    from query_api.live.hub import Hub
    from query_api.live.index import Viewer
    from query_api.stores import Stores
    from schemas.envelope import Event

FOLLOWS_PER_READ = 5_000
CATCH_UP_S = 5.0  # for what another process has read already, or the graph's projection has applied


async def bring_in(hub: Hub, stores: Stores, user_id: int) -> Viewer:
    """Return the viewer, pinned: exactly as the log has it where the hub is. Raises NotReadyError. May wait."""
    viewer = hub.index.viewers.get(user_id)
    if viewer is None:
        viewer = await _read(hub, stores, user_id)
    viewer.pins += 1
    return viewer


async def _read(hub: Hub, stores: Stores, user_id: int) -> Viewer:
    graph = stores.readers().graph
    before = _follows(hub, stores)
    follows: list[int] = []
    page = graph.following(user_id, None, FOLLOWS_PER_READ)
    while page:
        follows += [edge.user_id for edge in page]
        page = graph.following(user_id, page[-1], FOLLOWS_PER_READ) if len(page) == FOLLOWS_PER_READ else []
    aversions = graph.aversions(user_id)
    await until_reached(hub, _follows(hub, stores))
    if (known := hub.index.viewers.get(user_id)) is not None:
        return known  # another stream of the same account was quicker
    since = [event for place, offset in before.items() for event in _said(hub, place, offset)]
    viewer = hub.index.enter(user_id, follows)
    viewer.blocking, viewer.blocked_by, viewer.muting = aversions
    for event in since:
        hub.index.apply(event)
    return viewer


def _follows(hub: Hub, stores: Stores) -> dict[TopicPartition, int]:
    """Return how far the graph is in each partition."""
    known = stores.checkpoints("graph") or {}
    return {place: known.get(place, 0) for place in hub.windows if place.topic == FOLLOWS}


def _said(hub: Hub, place: TopicPartition, offset: int) -> Iterable[Event]:
    window = hub.windows[place]
    if offset < window.first:
        raise NotReadyError("the graph is too far behind the log for streams to be opened")
    return [event for kept in window.since(offset) if (event := decoded(kept.value)) is not None]


async def until_reached(hub: Hub, vector: Mapping[TopicPartition, int]) -> None:
    """Wait until the hub has read so far; raises NotReadyError after CATCH_UP_S."""
    if hub.reached(vector):
        return
    waiter = asyncio.get_running_loop().create_future()
    hub.expect(vector, waiter)
    try:
        async with asyncio.timeout(CATCH_UP_S):
            await waiter
    except TimeoutError as error:
        raise NotReadyError("the end of the log was not reached in time") from error
