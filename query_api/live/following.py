"""Follows the log: feeds the hub from its end, and notices from where their projection is."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from infra.json_logs import FIELDS
from infra.log.port import LogError
from infra.projections import StoreError
from query_api.errors import NotReadyError, QueryError
from query_api.live import opening
from query_api.live.fresh import FreshTweets
from query_api.live.hub import TOPICS, Hub
from query_api.live.notices import PROJECTION as NOTIFICATIONS
from query_api.live.notices import Notices, places_in_ids
from query_api.live.positions import Positions
from query_api.live.tail import LogReplacedError, until_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from infra.log.port import Batch
    from query_api.live.index import Stream
    from query_api.live.tail import Tail
    from query_api.stores import Stores

PATIENCE_S = 0.25  # between two attempts to read what a new tweet refers to
AGAIN_S = 1.0  # after a failure to read the log
NOTICES_WAIT_S = 1.0  # for the notifications' projection; then it is asked how far it is

log = logging.getLogger(__name__)


class Followed(NamedTuple):
    """A hub at the end of the log, and the notices that follow it."""

    hub: Hub
    notices: Notices


class Following:
    """The tasks that follow it. `lose` ends one stream, `end` all, when the log cannot be followed as it was."""

    def __init__(
        self,
        tail: Tail,
        stores: Stores,
        secret: bytes,
        *,
        kept: int,
        below: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]],
        lose: Callable[[Stream, str], None],
        end: Callable[[str], None],
    ) -> None:
        self._tail = tail
        self._stores = stores
        self._secret = secret
        self._kept = kept
        self._below = below
        self._lose = lose
        self._end = end
        self.current: Followed | None = None
        self.taking = asyncio.Lock()  # held while what the log says is told: nobody opens a stream meanwhile
        self.news = asyncio.Event()
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._delivered = 0  # by hubs before this one

    def start(self) -> None:
        """Begin, inside the event loop; more than once is once."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._follow()), loop.create_task(self._follow_notices())]

    async def stop(self) -> None:
        """Read no more."""
        for task in self._tasks:
            await until_cancelled(task)
        self._tail.close()

    @property
    def delivered(self) -> int:
        """How many messages were handed to streams."""
        return self._delivered + (0 if self.current is None else self.current.hub.delivered)

    async def followed(self) -> Followed:
        """Return the hub, once the end of the log was reached; raises NotReadyError where that takes too long."""
        if self.current is None:
            try:
                async with asyncio.timeout(opening.CATCH_UP_S):
                    await self._ready.wait()
            except TimeoutError:
                pass
        if self.current is None:
            raise NotReadyError("the end of the log was not reached yet")
        return self.current

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
            self._end("restarting")
            self._delivered = self.delivered
            self.current = None
            self._ready.clear()
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        starts = await self._tail.begin(TOPICS, self._kept)
        tweets = {place: offset for place, offset in starts.items() if place.topic == TOPICS[0]}
        positions = Positions(self._secret, self._tail.log_id, {**tweets, **places_in_ids(starts)})
        hub = Hub(positions, dict(starts), FreshTweets(self._stores.readers), self._kept, self._lose)
        followed = Followed(hub, Notices(hub, self._stores))
        while True:
            if self.current is None and hub.reached(self._tail.ends()):
                self.current = followed
                self._ready.set()
            for batch in await self._tail.more():
                await self._take(followed, batch)
                self.news.set()
                await asyncio.sleep(0)  # let requests in, and what was written out

    async def _take(self, followed: Followed, batch: Batch) -> None:
        """Tell what a batch says; while read models do not answer, nobody is told anything, and nothing is lost."""
        told = False
        while True:
            try:
                async with self.taking:
                    await self._below(_take(followed.hub, batch))
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
            self.news.clear()
            notices = None if self.current is None else self.current.notices
            behind = notices.behind() if notices is not None and notices.listeners else []
            if notices is None or not behind:
                await self.news.wait()
                continue
            try:
                await self._stores.until_passed(NOTIFICATIONS, behind, NOTICES_WAIT_S)
                async with self.taking:
                    await self._below(_step(notices))
            except Exception:
                log.exception("notifications could not be told; they are tried again")
                await asyncio.sleep(AGAIN_S)


async def _take(hub: Hub, batch: Batch) -> None:
    hub.take(hub.prepare(batch))


async def _step(notices: Notices) -> None:
    notices.step()
