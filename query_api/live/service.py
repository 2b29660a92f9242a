"""The live side of the query process: opens and closes streams, at the hub that follows the log."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from query_api.errors import NotReadyError
from query_api.live import counters, messages, opening
from query_api.live.following import PATIENCE_S, Following
from query_api.live.index import Stream, Wanted
from query_api.live.missed import Missed, TooMuchMissedError, missed
from query_api.live.notices import from_ids
from query_api.live.tail import until_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine

    from query_api.live.doors import Doors
    from query_api.live.following import Followed
    from query_api.live.hub import Hub
    from query_api.live.index import Sink, Viewer
    from query_api.live.positions import Vector
    from query_api.live.tail import Tail
    from query_api.live.watch import Watch
    from query_api.stores import Stores


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
        self._stores = stores
        self.doors = doors
        self.below = below or at_once
        self.log = Following(tail, stores, secret, kept=kept, below=self.below, lose=self.close, end=self.close_all)
        self._watch: Watch | None = None
        self._watching: asyncio.Task[None] | None = None
        self.streams: set[Stream] = set()
        self.closed: Counter[str] = Counter()  # by reason
        self._draining = False

    def start(self, watch: Watch) -> None:
        """Begin, inside the event loop."""
        self.log.start()
        self._watch = watch
        self._watching = asyncio.get_running_loop().create_task(watch.follow())

    @property
    def hub(self) -> Hub | None:
        """The hub, where it is at the end of the log."""
        return None if self.log.current is None else self.log.current.hub

    @property
    def delivered(self) -> int:
        """How many messages were handed to streams."""
        return self.log.delivered

    async def followed(self) -> Followed:
        """Return the hub, once the end of the log was reached; raises NotReadyError where that takes too long."""
        return await self.log.followed()

    # Streams

    async def admit(self, user_id: int) -> Viewer:
        """Bring a viewer in, pinned until `leave`. Below the bridge. Raises NotReadyError."""
        if self._draining:
            raise NotReadyError("the process is stopping")
        return await opening.bring_in((await self.followed()).hub, self._stores, user_id)

    async def open(self, viewer: Viewer, wanted: Wanted, sink: Sink, room: Callable[[], Awaitable[object]]) -> Stream:
        """Tell what was missed, and from then on what comes; `room` waits until the reader has room for more."""
        followed = await self.followed()
        stream = Stream(viewer, wanted, sink)
        try:
            await self._begin(followed, stream, wanted.since, room)
            if stream in self.streams:
                await self.watch(stream, wanted.tweet_ids)
                if self._watch is not None and stream.place:
                    await self.below(self._watch.tell_trends(stream))
        except BaseException:
            self.forget(stream)
            raise
        return stream

    async def _begin(
        self, followed: Followed, stream: Stream, since: Vector | None, room: Callable[[], Awaitable[object]]
    ) -> None:
        hub, kind = followed.hub, "ready"
        if since is not None and not await self._notices_reach(followed, stream, since):
            since, kind = None, "reset"
        while True:
            async with self.log.taking:
                if (
                    self.log.current is not followed
                    or hub.index.viewers.get(stream.viewer.user_id) is not stream.viewer
                ):
                    raise NotReadyError("the log was replaced")
                found = Missed([], {}, None)
                try:
                    if since is not None:
                        found = await self.below(_missed(followed, self._stores, stream, since))
                except TooMuchMissedError:
                    kind = "reset"
                if not found.messages:
                    self._register(followed, stream, found.notices)
                    hub.send(stream, messages.of(kind, {}, hub.positions.text()))
                    return
            since = found.upto
            for message in found.messages:
                await room()
                if not hub.send(stream, message):
                    return

    async def _notices_reach(self, followed: Followed, stream: Stream, since: Vector) -> bool:
        """Wait until those who listen here were told as much as the stream was at another process."""
        told = from_ids(since)
        until = time.monotonic() + opening.CATCH_UP_S
        while stream.notifications and followed.notices.is_behind(told):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(PATIENCE_S)
        return True

    def _register(self, followed: Followed, stream: Stream, told: Vector | None) -> None:
        stream.viewer.streams += (stream,)
        self.streams.add(stream)
        if stream.notifications:
            followed.notices.join(told)
        self.log.news.set()

    async def watch(self, stream: Stream, tweet_ids: Collection[int]) -> None:
        """Tell a stream of the counters of these tweets, too, and what they are now."""
        if (hub := self.hub) is not None and stream in self.streams:
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
        if self.log.current is not None:
            if stream.notifications:
                self.log.current.notices.leave()
            self.log.current.hub.counters.unwatch(stream, stream.counters)

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
        self._draining = True
        self.close_all("restarting")

    async def stop(self) -> None:
        """End all streams, and read no more."""
        self.close_all("restarting")
        if self._watching is not None:
            await until_cancelled(self._watching)
        await self.log.stop()


async def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what reads files, which needs nothing to wait by."""
    return await coroutine


async def _missed(followed: Followed, stores: Stores, stream: Stream, since: Vector) -> Missed:
    return missed(followed.hub, followed.notices, stores, stream, since)
