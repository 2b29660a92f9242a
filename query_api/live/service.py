"""The live side of the query process: follows the log from the first moment, and opens and closes streams."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.json_logs import FIELDS
from infra.log.port import LogError
from query_api.errors import NotReadyError
from query_api.live import messages, opening
from query_api.live.fresh import FreshTweets
from query_api.live.hub import TOPICS, Hub
from query_api.live.index import Stream
from query_api.live.positions import Positions
from query_api.live.tail import LogReplacedError, until_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from infra.log.port import Batch
    from query_api.live.index import Sink, Viewer
    from query_api.live.messages import Message
    from query_api.live.positions import Vector
    from query_api.live.tail import Tail
    from query_api.stores import Stores

AGAIN_S = 1.0  # after a failure to read the log

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What a stream asks for, and by whose leave; `since`: the Last-Event-ID, None for from now on."""

    user_id: int
    session_id: int
    until_ms: int
    home: bool
    since: Vector | None


class Live:
    """One a process. `below` makes reads wait for servers (infra.bridge), where there are any."""

    def __init__(
        self,
        tail: Tail,
        stores: Stores,
        secret: bytes,
        *,
        kept: int,
        below: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]] | None = None,
    ) -> None:
        self._tail = tail
        self._stores = stores
        self._secret = secret
        self._kept = kept
        self.below = below or at_once
        self._hub: Hub | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._taking = asyncio.Lock()  # held from the preparation of a batch until everybody was told of it
        self.streams: set[Stream] = set()

    def start(self) -> None:
        """Begin, inside the event loop; more than once is once."""
        self._task = self._task or asyncio.get_running_loop().create_task(self._follow())

    async def hub(self) -> Hub:
        """Return the hub, once the end of the log was reached; raises NotReadyError where that takes too long."""
        if self._hub is None:
            try:
                async with asyncio.timeout(opening.CATCH_UP_S):
                    await self._ready.wait()
            except TimeoutError:
                pass
        if self._hub is None:
            raise NotReadyError("the end of the log was not reached yet")
        return self._hub

    async def _follow(self) -> None:
        while True:
            try:
                await self._run()
            except LogReplacedError:
                log.warning("the log was replaced: streams are closed")
            except LogError as error:
                log.warning("the log cannot be read", extra={FIELDS: {"error": str(error)}})
            self.close_all("restarting")
            self._hub = None
            self._ready.clear()
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        starts = await self._tail.begin(TOPICS, self._kept)
        hub = Hub(Positions(self._secret, self._tail.log_id, starts), FreshTweets(self._stores.readers), self._kept)
        hub.on_lost = self.close
        while True:
            if self._hub is None and hub.reached(self._tail.ends()):
                self._hub = hub
                self._ready.set()
            for batch in await self._tail.more():
                async with self._taking:
                    await self.below(_take(hub, batch))
                await asyncio.sleep(0)  # let requests in, and what was written out

    # Streams

    async def admit(self, user_id: int) -> Viewer:
        """Bring a viewer in, pinned until `leave`. Below the bridge."""
        return await opening.bring_in(await self.hub(), self._stores, user_id)

    async def open(self, viewer: Viewer, wanted: Wanted, sink: Sink, room: Callable[[], Awaitable[object]]) -> Stream:
        """Tell what was missed, and from then on what comes; `room` waits until the reader has room for more."""
        hub = await self.hub()
        stream = Stream(viewer, wanted.session_id, wanted.until_ms, sink)
        stream.home = wanted.home
        since, lost = wanted.since, False
        while True:
            async with self._taking:
                told: list[Message] = []
                if since is not None and not lost:
                    told, lost = await self._missed(hub, viewer, since)
                since = dict(hub.positions.at)
                if not told:
                    self._register(stream)
                    hub.send(stream, messages.of("reset" if lost else "ready", {}, hub.positions.text()))
                    return stream
            for message in told:
                await room()
                hub.send(stream, message)

    async def _missed(self, hub: Hub, viewer: Viewer, since: Vector) -> tuple[list[Message], bool]:
        try:
            return await self.below(_collect(hub, viewer, since)), False
        except opening.TooMuchMissedError:
            return [], True

    def _register(self, stream: Stream) -> None:
        stream.viewer.streams += (stream,)
        self.streams.add(stream)

    def close(self, stream: Stream, reason: str) -> None:
        """End a stream from this side."""
        self.forget(stream)
        stream.sink.close(reason)

    def forget(self, stream: Stream) -> None:
        """Tell a stream no more; more than once is once."""
        self.streams.discard(stream)
        stream.viewer.streams = tuple(it for it in stream.viewer.streams if it is not stream)

    def leave(self, viewer: Viewer) -> None:
        """Undo one `admit`: who has no stream is forgotten."""
        viewer.pins -= 1
        hub = self._hub
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
        self.close_all("stopping")
        if self._task is not None:
            await until_cancelled(self._task)
        self._tail.close()


async def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what reads files, which needs nothing to wait by."""
    return await coroutine


async def _take(hub: Hub, batch: Batch) -> None:
    hub.take(hub.prepare(batch))


async def _collect(hub: Hub, viewer: Viewer, since: Vector) -> list[Message]:
    return opening.missed(hub, viewer, since)
