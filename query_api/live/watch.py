"""What happens in streams by time: heartbeats, ends, counters that have changed, trends.

Consumes:   the clock, the revoked sessions, the read models
Writes:     messages to streams, and their ends
Guarantee:  a stream whose session was revoked, or whose token has expired, is ended within LOOK_S and the time in
            which the revocation is heard of (infra.auth); nothing is told to it afterwards
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

import apsw

from infra.places import places
from infra.projections import StoreError
from projections.engagement.read_model import PROJECTION as ENGAGEMENT
from query_api.errors import QueryError
from query_api.live import counters
from query_api.live.messages import Heartbeat, Message, of
from query_api.trends import response
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from infra.clock import Clock
    from query_api.live.index import Stream
    from query_api.live.service import Live
    from query_api.stores import Stores
    from query_api.trends.board import Boards

LOOK_S = 0.25
HEARTBEAT_S = 15.0  # below the half minute after which proxies give up
TRENDS_S = 5.0
TRENDS_SHOWN = 20
MOST_GONE = 100  # accounts of one look that streams are told of
_TURNS = int(HEARTBEAT_S / LOOK_S)  # each look is the turn of one in so many streams
TRENDS = b"trends"

log = logging.getLogger(__name__)


class Revoked(Protocol):
    """Tells which sessions have ended."""

    def among(self, session_ids: Collection[int]) -> Collection[int]:
        """Return those of the sessions that were revoked."""


class Watch:
    """Looks every LOOK_S."""

    def __init__(self, live: Live, stores: Stores, clock: Clock, revoked: Revoked, boards: Boards) -> None:
        self._live = live
        self._stores = stores
        self._clock = clock
        self._revoked = revoked
        self._boards = boards
        self._looks = 0
        self._gone: frozenset[int] = frozenset()
        self._trends: dict[int, object] = {}
        self._trends_due = 0.0

    async def follow(self) -> None:
        """Look until cancelled; what waits for read models ends no stream later."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self._end_and_beat))
            group.create_task(self._again_and_again(self._tell_below))
            group.create_task(self._again_and_again(self._end_gone_below))

    async def _again_and_again(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await look()
            except (QueryError, StoreError, apsw.Error):
                pass  # a read model does not answer for a moment: /readyz tells
            except Exception:
                log.exception("a look at the streams failed")

    async def _end_and_beat(self) -> None:
        self._looks += 1
        self.end()
        self.beat()

    async def _tell_below(self) -> None:
        await self._live.below(self._tell())

    async def _end_gone_below(self) -> None:
        await self._live.below(self._end_gone())

    async def _end_gone(self) -> None:
        """End the streams of accounts that may do nothing now, and tell the others whose tweets show no longer."""
        standings = self._stores.readers().standings
        standings.look()
        gone = standings.gone
        for stream in list(self._live.streams) if gone else ():
            if stream.viewer.user_id in gone:
                self._live.close(stream, "account_suspended")
        if gone is self._gone:
            return
        self._tell_gone("account_gone", gone - self._gone)
        self._tell_gone("account_back", self._gone - gone)
        self._gone = gone

    def _tell_gone(self, kind: str, user_ids: Collection[int]) -> None:
        """Tell streams of a few: a process that has just begun knows of all, and whoever opens one reads afresh."""
        hub = self._live.hub
        if hub is None or len(user_ids) > MOST_GONE:
            return
        for user_id in user_ids:
            message = of(kind, {"user_id": to_uuid(user_id)})
            for stream in list(self._live.streams):
                if stream.home or stream.notifications:
                    hub.send(stream, message)

    def end(self) -> None:
        """End the streams of sessions that have ended, and those whose token has expired."""
        streams, now_ms = self._live.streams, self._clock.now_ms()
        revoked = self._revoked.among({stream.session_id for stream in streams}) if streams else ()
        for stream in list(streams):
            if stream.session_id in revoked:
                self._live.close(stream, "session_ended")
            elif stream.until_ms <= now_ms:
                self._live.close(stream, "token_expired")

    def beat(self) -> None:
        """Tell a share of the streams that they live; end those whose readers took nothing since the last beat."""
        hub = self._live.hub
        if hub is None:
            return
        heartbeat, turn = Heartbeat(hub.positions.text()), self._looks % _TURNS
        for stream in list(self._live.streams):
            if stream.number % _TURNS != turn:
                continue
            if stream.sink.is_stuck():
                self._live.close(stream, "slow")
            else:
                hub.send(stream, heartbeat)
        if not turn:
            hub.index.sweep()

    async def _tell(self) -> None:
        hub = self._live.hub
        if hub is None:
            return
        due = hub.counters.due(self._stores.checkpoints(ENGAGEMENT) or {})
        for shown, counts in counters.read(self._stores.readers(), due) if due else ():
            hub.counters.tell(shown, counts, hub.send)
        hub.counters.done(due)
        if (now := time.monotonic()) >= self._trends_due:
            self._trends_due = now + TRENDS_S
            watched = {stream.place for stream in self._live.streams if stream.place}
            for place in watched:
                self._tell_trends(place)
            self._trends = {place: told for place, told in self._trends.items() if place in watched}

    def _tell_trends(self, place: int) -> None:
        board, message = self._board(place)
        if self._trends.get(place) == board:
            return
        self._trends[place] = board
        hub = self._live.hub
        for stream in list(self._live.streams):
            if hub is not None and stream.place == place:
                hub.send(stream, message)

    def _board(self, place: int) -> tuple[object, Message]:
        readers = self._stores.readers()
        board = self._boards.shown(readers.trends, readers.moderation, place, self._clock.now_ms())
        return board.trends, Message(TRENDS, response.trends(places()[place], board, TRENDS_SHOWN))

    async def tell_trends(self, stream: Stream) -> None:
        """Tell a stream that was just opened what trends in its place."""
        hub = self._live.hub
        if hub is not None and stream.place:
            board, message = self._board(stream.place)
            self._trends.setdefault(stream.place, board)
            hub.send(stream, message)
