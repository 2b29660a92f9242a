"""Keeps up every generation that is followed: an app, a loop and a store for each, started and stopped as asked.

Guarantee:  a generation that is followed and that this program can open is applied to, whichever is active, so that a
            roll-back finds it where the log is; one that comes or goes disturbs no other
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from infra.projections import StoreError
from infra.trouble import TroubleError
from streams.app import StreamSettings, live, stop_app, stopped_by_signals, watch_lag
from streams.errors import AppCrashedError, BeyondTheLogError
from streams.loop import ProjectionLoop, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from infra.generations.record import Record
    from infra.settings import Settings
    from streams.app import ProjectionApp
    from streams.decoded import DecodedBatches
    from streams.metrics import StreamMetrics
    from streams.parts import Parts, Projection

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # the record of generations is looked at this often


class Followed(NamedTuple):
    """One generation that is kept up to date."""

    projection: Projection
    loop: ProjectionLoop
    app: ProjectionApp
    life: asyncio.Task[None]
    open_things: ExitStack


class Followers:
    """The generations that this process keeps up to date."""

    def __init__(
        self,
        parts: Parts,
        wanted: Sequence[Projection],
        decoded: DecodedBatches,
        metrics: StreamMetrics,
        settings: Settings,
        loops: Mapping[str, Callable[..., ProjectionLoop]] = MappingProxyType({}),
    ) -> None:
        """`loops` makes the loops of those that have one of their own, of what ProjectionLoop takes after `project`."""
        self._parts = parts
        self._wanted = wanted
        self._decoded = decoded
        self._metrics = metrics
        self._loops = loops
        self._reading = StreamSettings(batch_records=settings.batch_records)
        self._followed: dict[tuple[str, int], Followed] = {}
        self._said: dict[tuple[str, int], str] = {}
        self._begun = asyncio.Event()

    def __iter__(self) -> Iterator[Followed]:
        return iter(tuple(self._followed.values()))

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Follow until SIGTERM, SIGINT or `stop`, then let each finish its batch; returns when all have stopped.

        Raises TroubleError or StoreError where a projection has no generation that it can follow, and AppCrashedError
        as soon as an app has died: let it end the process, which must not go on in part.
        """
        stop = stop or asyncio.Event()
        with stopped_by_signals(stop):
            try:
                await self._settle(await self._parts.records(), first=True)
                self._begun.set()
                await self._until(stop)
            finally:
                await asyncio.gather(*(self._leave(it) for it in self))

    async def look(self) -> Mapping[str, bool]:
        """Tell, by part, whether it does its work: as long as not all have begun, one that may yet be refused."""
        looked = await self._parts.look()
        return looked if self._begun.is_set() else {**looked, "projections": False}

    async def _until(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stopping.done():
                lives = [it.life for it in self]
                await asyncio.wait([*lives, stopping], timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                self._check_alive()
                if not stopping.done():
                    await self._follow_records()
        finally:
            stopping.cancel()

    def _check_alive(self) -> None:
        for it in self:
            if it.life.done():
                raise AppCrashedError(f"{it.app.conf.id} died: {it.app.crash_reason!r}") from it.app.crash_reason

    async def _follow_records(self) -> None:
        try:
            records = await self._parts.records()
        except (TroubleError, StoreError) as error:
            self._say(("generations", 0), f"what is followed stays as it is: {error}")
            return
        self._said.pop(("generations", 0), None)
        wanted = await self._settle(records)
        await asyncio.gather(*(self._leave(it) for it in self if (it.loop.name, it.loop.generation) not in wanted))

    async def _settle(self, records: Mapping[str, Record], *, first: bool = False) -> set[tuple[str, int]]:
        """Begin to follow what is to be followed; return all of that."""
        wanted = set()
        for projection in self._wanted:
            record = records[projection.name]
            version = self._parts.schema_version(projection)
            numbers = [it.number for it in record.followed(version)]
            wanted |= {(projection.name, number) for number in numbers}
            troubles = [await self._begin(projection, number) for number in numbers]
            if first and troubles and all(troubles):
                self._refuse(troubles)
            if record.active not in numbers:
                of = record.known(record.active).schema_version
                rest = ", ".join(map(str, numbers)) or "none"
                what = f"active, of version {of}, and not kept up by this program, which is of version {version}"
                self._say((projection.name, record.active), f"{what} and keeps up {rest}; run the other one, too")
            for it in self:
                if it.projection is projection:
                    it.loop.active = it.loop.generation == record.active
        return wanted

    def _refuse(self, troubles: Sequence[TroubleError | StoreError | None]) -> None:
        """Raise what is wrong; a projection that waits for its replay keeps nobody from following the others."""
        for trouble in troubles:
            if trouble is not None and not isinstance(trouble, BeyondTheLogError):
                raise trouble

    async def _begin(self, projection: Projection, number: int) -> TroubleError | StoreError | None:
        """Follow a generation, unless it is followed; return why it cannot be."""
        place = (projection.name, number)
        if place in self._followed:
            return None
        try:
            self._followed[place] = await self._opened(projection, number)
        except (TroubleError, StoreError) as error:
            self._say(place, f"cannot be followed: {error}")
            return error
        self._said.pop(place, None)
        logger.info("following %s", label(*place))
        return None

    async def _opened(self, projection: Projection, number: int) -> Followed:
        parts = self._parts
        with ExitStack() as opening:
            store = await parts.open_store(projection, number, opening)
            make = self._loops.get(projection.name, partial(ProjectionLoop, projection.name, projection.project))
            about = store, parts.dead_letters, self._decoded, self._metrics
            loop = make(*about, generation=number, placing=parts.places(projection))
            app = parts.build_app(projection, loop, self._reading)
            watch_lag(self._metrics, loop, projection.topics, parts.log, app)
            opening.callback(self._metrics.forget_lag, projection.name, number)
            return Followed(projection, loop, app, asyncio.create_task(self._live(app)), opening.pop_all())

    async def _live(self, app: ProjectionApp) -> None:
        """Run the app once this process is not refused: to stop an app that is starting may take a minute."""
        await self._begun.wait()
        await live(app)

    async def _leave(self, followed: Followed) -> None:
        """Let the batch in hand be finished, then give the store back."""
        loop = followed.loop
        try:
            if self._begun.is_set():
                await stop_app(followed.app)
            followed.life.cancel()
            followed.open_things.close()
        finally:
            del self._followed[loop.name, loop.generation]
        logger.info("%s is no longer followed", label(loop.name, loop.generation))

    def _say(self, place: tuple[str, int], what: str) -> None:
        """Write a line, once for as long as it is the same."""
        if self._said.get(place) != what:
            self._said[place] = what
            logger.warning("%s: %s", label(*place), what)


def lags(followed: Iterable[Followed], parts: Parts) -> dict[str, int]:
    """Return how many records wait for each generation."""
    return {
        label(it.loop.name, it.loop.generation): it.loop.lag(parts.log.end_offsets(it.projection.topics)).events
        for it in followed
    }
