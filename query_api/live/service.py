"""The live side of the query process: follows the log from the first moment, and opens and closes streams."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from infra.json_logs import FIELDS
from infra.log.port import LogError
from infra.projections import StoreError
from query_api.errors import NotReadyError, QueryError
from query_api.live import counters, messages, opening
from query_api.live.fresh import FreshTweets
from query_api.live.hub import TOPICS, Hub
from query_api.live.index import Stream, Wanted
from query_api.live.missed import TooMuchMissedError, missed_notices, missed_tweets
from query_api.live.notices import PROJECTION as NOTIFICATIONS
from query_api.live.notices import Notices, places_in_ids
from query_api.live.positions import Positions
from query_api.live.tail import LogReplacedError, until_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine

    from infra.log.port import Batch
    from query_api.live.doors import Doors
    from query_api.live.index import Sink, Viewer
    from query_api.live.messages import Message
    from query_api.live.positions import Vector
    from query_api.live.tail import Tail
    from query_api.live.watch import Watch
    from query_api.stores import Stores

PATIENCE_S = 0.25  # between two attempts to read what a new tweet refers to
AGAIN_S = 1.0  # after a failure to read the log
NOTICES_WAIT_S = 1.0  # for the notifications' projection; then it is asked how far it is

log = logging.getLogger(__name__)


class Followed(NamedTuple):
    """A hub at the end of the log, and the notices that follow it."""

    hub: Hub
    notices: Notices


class Live:
    """One a process. `below` makes reads wait for servers (infra.bridge), where there are any."""

    def __init__(
        self,
        tail: Tail,
        stores: Stores,
        secret: bytes,
        *,
        doors: Doors,
        kept: int,
        below: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]] | None = None,
    ) -> None:
        self._tail = tail
        self._stores = stores
        self._secret = secret
        self.doors = doors
        self._kept = kept
        self.below = below or at_once
        self._followed: Followed | None = None
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._taking = asyncio.Lock()  # held while what the log says is told, so that nobody opens a stream meanwhile
        self._watch: Watch | None = None
        self.streams: set[Stream] = set()
        self.closed: Counter[str] = Counter()  # by reason
        self._delivered = 0  # by hubs before this one

    def start(self, watch: Watch | None = None) -> None:
        """Begin, inside the event loop; more than once is once."""
        if not self._tasks:
            begun = [self._follow(), self._follow_notices(), *([watch.follow()] if watch is not None else [])]
            self._tasks = [asyncio.get_running_loop().create_task(it) for it in begun]
        self._watch = watch

    # The log

    @property
    def hub(self) -> Hub | None:
        """The hub, where it is at the end of the log."""
        return None if self._followed is None else self._followed.hub

    @property
    def delivered(self) -> int:
        """How many messages were handed to streams."""
        return self._delivered + (0 if self._followed is None else self._followed.hub.delivered)

    async def followed(self) -> Followed:
        """Return the hub, once the end of the log was reached; raises NotReadyError where that takes too long."""
        if self._followed is None:
            try:
                async with asyncio.timeout(opening.CATCH_UP_S):
                    await self._ready.wait()
            except TimeoutError:
                pass
        if self._followed is None:
            raise NotReadyError("the end of the log was not reached yet")
        return self._followed

    async def _follow(self) -> None:
        while True:
            try:
                await self._run()
            except LogReplacedError:
                log.warning("the log was replaced: streams are closed")
            except LogError as error:
                log.warning("the log cannot be read", extra={FIELDS: {"error": str(error)}})
            except Exception:
                log.exception("what the log says could not be told: streams are closed")
            self.close_all("restarting")
            self._delivered = self.delivered
            self._followed = None
            self._ready.clear()
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        starts = await self._tail.begin(TOPICS, self._kept)
        tweets = {place: offset for place, offset in starts.items() if place.topic == TOPICS[0]}
        positions = Positions(self._secret, self._tail.log_id, {**tweets, **places_in_ids(starts)})
        hub = Hub(positions, dict(starts), FreshTweets(self._stores.readers), self._kept, self.close)
        followed = Followed(hub, Notices(hub, self._stores))
        while True:
            if self._followed is None and hub.reached(self._tail.ends()):
                self._followed = followed
                self._ready.set()
            for batch in await self._tail.more():
                await self._take(followed, batch)
                self._news.set()
                await asyncio.sleep(0)  # let requests in, and what was written out

    async def _take(self, followed: Followed, batch: Batch) -> None:
        """Tell what a batch says; while read models do not answer, nobody is told anything, and nothing is lost."""
        told = False
        while True:
            try:
                async with self._taking:
                    await self.below(_take(followed.hub, batch))
                    followed.notices.follow()
            except (StoreError, QueryError, apsw.Error) as error:
                if not told:
                    log.warning("streams wait for a read model", extra={FIELDS: {"error": str(error)}})
                told = True
                await asyncio.sleep(PATIENCE_S)
            else:
                return

    async def _follow_notices(self) -> None:
        while True:
            self._news.clear()
            notices = None if self._followed is None else self._followed.notices
            behind = notices.behind() if notices is not None and notices.listeners else []
            if notices is None or not behind:
                await self._news.wait()
                continue
            try:
                await self._stores.until_passed(NOTIFICATIONS, behind, NOTICES_WAIT_S)
                async with self._taking:
                    await self.below(_step(notices))
            except Exception:
                log.exception("notifications could not be told; they are tried again")
                await asyncio.sleep(AGAIN_S)

    # Streams

    async def admit(self, user_id: int) -> Viewer:
        """Bring a viewer in, pinned until `leave`. Below the bridge."""
        return await opening.bring_in((await self.followed()).hub, self._stores, user_id)

    async def open(self, viewer: Viewer, wanted: Wanted, sink: Sink, room: Callable[[], Awaitable[object]]) -> Stream:
        """Tell what was missed, and from then on what comes; `room` waits until the reader has room for more."""
        followed = await self.followed()
        stream = Stream(viewer, wanted, sink)
        since, kind = wanted.since, "ready"
        while True:
            async with self._taking:
                try:
                    told = [] if since is None else await self.below(self._missed(followed, stream, since))
                except TooMuchMissedError:
                    told, kind = [], "reset"
                if not told:
                    self._register(followed, stream)
                    followed.hub.send(stream, messages.of(kind, {}, followed.hub.positions.text()))
                    break
                since = dict(followed.hub.positions.at)
            for message in told:
                await room()
                if not followed.hub.send(stream, message):
                    return stream
        await self.watch(stream, wanted.tweet_ids)
        if self._watch is not None and stream.place:
            await self.below(self._watch.tell_trends(stream))
        return stream

    async def _missed(self, followed: Followed, stream: Stream, since: Vector) -> list[Message]:
        hub, notices = followed
        told: list[Message] = []
        vector = dict(since)
        if stream.home:
            told += missed_tweets(hub, stream.viewer, vector)
        if stream.notifications and notices.listeners:
            told += missed_notices(hub, self._stores.readers(), stream.viewer, vector, notices.at)
        return told

    def _register(self, followed: Followed, stream: Stream) -> None:
        stream.viewer.streams += (stream,)
        self.streams.add(stream)
        followed.notices.listeners += stream.notifications
        self._news.set()

    async def watch(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        """Tell a stream of the counters of these tweets, too, and what they are now."""
        if (hub := self.hub) is not None:
            hub.counters.watch(stream, tweet_ids)
            await self.below(self._tell_counts(stream, tweet_ids))

    def unwatch(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        """Tell a stream of the counters of these tweets no more."""
        if (hub := self.hub) is not None:
            hub.counters.unwatch(stream, tweet_ids)

    async def _tell_counts(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        hub = self.hub
        if hub is None or not tweet_ids:
            return
        for shown, counts in counters.read(self._stores.readers(), tweet_ids):
            if not stream.viewer.blocks(shown.author_id):
                hub.send(stream, counters.of(shown.tweet.tweet_id, counts))

    def close(self, stream: Stream, reason: str) -> None:
        """End a stream from this side."""
        self.closed[reason] += 1
        self.forget(stream)
        stream.sink.close(reason)

    def forget(self, stream: Stream) -> None:
        """Tell a stream no more; more than once is once."""
        if stream not in self.streams:
            return
        self.streams.discard(stream)
        stream.viewer.streams = tuple(it for it in stream.viewer.streams if it is not stream)
        if self._followed is not None:
            self._followed.notices.listeners -= stream.notifications
            self._followed.hub.counters.unwatch(stream, stream.counters)

    def leave(self, viewer: Viewer) -> None:
        """Undo one `admit`: who has no stream is forgotten."""
        viewer.pins -= 1
        hub = self.hub
        if not viewer.pins and hub is not None and hub.index.viewers.get(viewer.user_id) is viewer:
            hub.index.leave(viewer)

    def close_all(self, reason: str) -> None:
        """End all streams from this side."""
        for stream in list(self.streams):
            self.close(stream, reason)

    def drain(self) -> None:
        """Send everybody away, to come back to another process, or to this one's successor."""
        self.close_all("restarting")

    async def stop(self) -> None:
        """End all streams, and read no more."""
        self.close_all("restarting")
        for task in self._tasks:
            await until_cancelled(task)
        self._tail.close()


async def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what reads files, which needs nothing to wait by."""
    return await coroutine


async def _take(hub: Hub, batch: Batch) -> None:
    hub.take(hub.prepare(batch))


async def _step(notices: Notices) -> None:
    notices.step()
