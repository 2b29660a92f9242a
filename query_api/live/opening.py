"""Opens streams: reads who the viewer is to others, brings that to where the hub is, and tells what was missed.

The graph's projection and the hub read the same log, each at its own pace. What is read of the graph is at least as new
as the checkpoints before the read, and no newer than those after it. So the hub is waited for until it has passed the
latter, and then all that the log has said since the former is applied to what was read: facts about one pair are in one
partition, and the last one holds, whether or not it was in what was read already.
"""

from __future__ import annotations

import asyncio
from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

from query_api.errors import NotReadyError
from query_api.live.hub import NEW_TWEET, decoded, deleted, tweets_of
from query_api.live.messages import Message
from schemas.catalogue import FOLLOWS, TWEETS
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.log.port import TopicPartition
    from query_api.live.hub import Hub
    from query_api.live.index import Viewer
    from query_api.live.positions import Vector
    from query_api.live.window import Window
    from query_api.stores import Stores
    from schemas.envelope import Event

FOLLOWS_PER_READ = 5_000
CATCH_UP_S = 5.0  # for what another process has read already, or the graph's projection has applied
MOST_MISSED = 1_000  # messages that a stream is told again; whoever missed more asks for the timeline instead


class TooMuchMissedError(Exception):
    """What came after the id is not kept here any more, or is too much to be told again."""


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


def missed(hub: Hub, viewer: Viewer, since: Vector) -> list[Message]:
    """Return what a home stream was to be told after `since`: by the rules as they are now, less what is gone again.

    The order is that of event times, and in each partition the log's. Raises TooMuchMissedError. May wait, on servers.
    """
    heard = frozenset(viewer.follows)
    found = list(_concerning(hub, heard, since))
    if len(found) > MOST_MISSED:
        raise TooMuchMissedError
    gone = {it.event.tweet_id for it in found if isinstance(it.event, TweetDeleted | RetweetUndone)}
    posted = [it.event for it in found if isinstance(it.event, TweetPosted | Retweeted)]
    fresh = hub.fresh(tweets_of([it for it in posted if it.tweet_id not in gone]))
    told: list[Message] = []
    vector = dict(since)
    for place, offset, event in found:
        vector[place] = offset + 1
        event_id = hub.positions.text_of(vector)
        match event:
            case TweetPosted(tweet_id=tweet) | Retweeted(tweet_id=tweet):
                if tweet in fresh and viewer.is_told(fresh[tweet].item.tweet, heard):
                    told.append(Message(NEW_TWEET, fresh[tweet].body_for(viewer.hides), event_id))
            case TweetDeleted(tweet_id=tweet, author_id=author) | RetweetUndone(tweet_id=tweet, author_id=author):
                if not viewer.hides(author):
                    told.append(deleted(tweet, event_id))
            case _:
                pass
    return told


class _Said(NamedTuple):
    place: TopicPartition
    offset: int
    event: Event


def _concerning(hub: Hub, heard: frozenset[int], since: Vector) -> Iterable[_Said]:
    """Return what accounts that are heard have said since."""
    parts = [
        _part(window, place, heard, since[place]) for place, window in hub.windows.items() if place.topic == TWEETS
    ]
    return merge(*parts, key=lambda it: it.event.envelope.occurred_at_ms)


def _part(window: Window, place: TopicPartition, heard: frozenset[int], since: int) -> list[_Said]:
    if since < window.first:
        raise TooMuchMissedError
    found = [(kept.offset, decoded(kept.value)) for kept in window.since(since) if kept.key in heard]
    return [_Said(place, offset, event) for offset, event in found if event is not None]
