"""Follows how far projections on servers are: one look for all who ask, all who wait, and all that is kept in memory.

A part is an engine that tells the checkpoints of some projections in one question. It is looked at every LOOK_S, and
every HURRIED_S while somebody waits for a consistency token. A look reads the checkpoints first and then tells caches
what changed, and only then are the checkpoints known: who waited for one finds caches as fresh. Without a token they
are behind by LOOK_S and one look at most. A part that does not answer says so and keeps what was known last; after
SILENT_S nobody can say what changed, and its caches are passed by until it answers.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from infra.bridge import bridged
from infra.consistency import have_passed
from infra.generations.reading import Checkpointed
from infra.json_logs import FIELDS
from infra.projections import StoreError, WrongSpanError

if TYPE_CHECKING:
    from asyncio import Future, Task, TimerHandle
    from collections.abc import Callable, Mapping, Sequence

    from infra.generations.reading import Reading
    from infra.generations.record import Record
    from infra.log.port import Position, TopicPartition

LOOK_S = 0.1
HURRIED_S = 0.01  # after the look before, however many wait
ANSWER_S = 2.0  # a look that takes longer is given up
SILENT_S = 5.0  # a busy moment must not empty the caches, which would make it busier

Checkpoints = dict[str, "Mapping[TopicPartition, int]"]
"""Name of a projection → per partition, the offset up to which (exclusive) records are applied."""

log = logging.getLogger(__name__)


class Follower(Protocol):
    """Something kept in memory that a part can tell the changes of."""

    def refresh(self) -> None:
        """Read what changed since the last call, and forget it."""

    def rely(self, told: bool) -> None:
        """Hear whether changes are being told: where not, nothing that is kept may be used."""


class Part(NamedTuple):
    """An engine: its name for people, its projections, and one question for all their checkpoints.

    `hurried_s` is the pause between two looks while somebody waits.
    """

    name: str
    projections: tuple[str, ...]
    read: Callable[[], Mapping[str, Mapping[TopicPartition, int]]]
    hurried_s: float = HURRIED_S


class _Wait(NamedTuple):
    projection: str
    positions: Sequence[Position]
    passed: Future[bool]


@dataclass
class _Followed:
    """What is known of a part."""

    part: Part
    known: Checkpoints = field(default_factory=dict)
    reason: str = "it was not asked yet"
    waits: list[_Wait] = field(default_factory=list)
    followers: list[Follower] = field(default_factory=list)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    silence: TimerHandle | None = None
    heard_at: float = 0.0

    async def look(self) -> None:
        known = self.part.read()
        if asyncio.get_running_loop().time() - self.heard_at > SILENT_S:  # also where this process was stopped
            self._fall_silent()
        for follower in self.followers:
            follower.refresh()
        self._heard(dict(known))

    def _heard(self, known: Checkpoints) -> None:
        self.known = known
        if self.reason:
            log.info("a store answers", extra={FIELDS: {"store": self.part.name}})
            self.reason = ""
        self._tell(told=True)
        self.stop_timer()
        loop = asyncio.get_running_loop()
        self.heard_at = loop.time()
        self.silence = loop.call_later(SILENT_S, self._fall_silent)
        for wait in self.waits:
            if not wait.passed.done() and have_passed(known.get(wait.projection, {}), wait.positions):
                wait.passed.set_result(True)

    def fail(self, error: Exception) -> None:
        if not self.reason:
            fields = {"store": self.part.name, "error": f"{type(error).__name__}: {error}"}
            log.warning("a store does not answer", extra={FIELDS: fields})
        if isinstance(error, WrongSpanError):
            self.reason = f"{self.part.name} has another store than is asked for: {error}"
        else:
            self.reason = f"{self.part.name} does not answer ({type(error).__name__})"

    def _fall_silent(self) -> None:
        self._tell(told=False)

    def _tell(self, *, told: bool) -> None:
        for follower in self.followers:
            follower.rely(told)

    async def pause(self) -> None:
        """Wait until the next look is due."""
        await asyncio.sleep(self.part.hurried_s)
        if self.waits:
            return
        self.hurry.clear()
        try:
            async with asyncio.timeout(LOOK_S - self.part.hurried_s):
                await self.hurry.wait()
        except TimeoutError:
            pass

    def stop_timer(self) -> None:
        if self.silence is not None:
            self.silence.cancel()


class Progress:
    """The parts of a process, each followed by a task of its own, from the first `start` inside an event loop on."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = [_Followed(part) for part in parts]
        self._of = {name: followed for followed in self._parts for name in followed.part.projections}
        self._tasks: list[Task[None]] = []

    def start(self) -> None:
        """Begin to look; more than once is once, and outside an event loop nothing."""
        if self._tasks:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._tasks = [loop.create_task(_follow(followed)) for followed in self._parts]

    def tell(self, projection: str, follower: Follower) -> None:
        """Let something kept in memory hear, with each look at the projection's part, what changed."""
        self._of[projection].followers.append(follower)
        follower.rely(told=False)

    def forget_followers(self) -> None:
        """Tell nothing more to those who were told what changed: nothing that they keep may be used."""
        for followed in self._parts:
            for follower in followed.followers:
                follower.rely(told=False)
            followed.followers.clear()

    def checkpoints(self, projection: str) -> Mapping[TopicPartition, int] | None:
        """Return how far a projection is, as far as is known; None where nothing is."""
        return self._of[projection].known.get(projection)

    def reason(self, projection: str) -> str:
        """Return why a projection cannot be asked, or nothing."""
        return self._of[projection].reason

    async def until_passed(self, projection: str, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether a projection passed the positions within `wait_s` seconds."""
        followed = self._of[projection]
        if have_passed(followed.known.get(projection, {}), positions):
            return True
        self.start()
        wait = _Wait(projection, positions, asyncio.get_running_loop().create_future())
        followed.waits.append(wait)
        followed.hurry.set()
        try:
            async with asyncio.timeout(wait_s):
                return await wait.passed
        except TimeoutError:
            return False
        finally:
            followed.waits.remove(wait)

    def close(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        for followed in self._parts:
            followed.stop_timer()


async def _follow(followed: _Followed) -> None:
    while True:
        try:
            async with asyncio.timeout(ANSWER_S):
                await bridged(followed.look())
        except (StoreError, TimeoutError) as error:
            followed.fail(error)
        except Exception as error:
            log.exception("a look failed", extra={FIELDS: {"store": followed.part.name}})
            followed.fail(error)
        await followed.pause()


R = TypeVar("R", bound=Checkpointed)


class ServerSource(Generic[R]):
    """A projection on servers: its reader is there from the start, and says at each read whether it can."""

    def __init__(self, reading: Reading[R], progress: Progress) -> None:
        self._reading = reading
        self._projection = reading.projection
        self._progress = progress

    @property
    def reader(self) -> R | None:
        """The reader of the generation that is read."""
        return self._reading.reader

    @property
    def generation(self) -> int:
        """Which build of the projection is read."""
        return self._reading.generation

    @property
    def record(self) -> Record:
        """What is recorded of its generations, as far as is known."""
        return self._reading.record

    @property
    def reason(self) -> str:
        """Why it cannot be read, or empty."""
        return self._reading.reason or self._progress.reason(self._projection)

    def look(self) -> None:
        """See that its progress is followed."""
        self._progress.start()

    def checkpoints(self) -> Mapping[TopicPartition, int] | None:
        """Return how far it is, as far as is known."""
        return self._progress.checkpoints(self._projection)

    async def until_passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether it passed the positions within `wait_s` seconds."""
        return await self._progress.until_passed(self._projection, positions, wait_s)

    def close(self, reason: str) -> None:
        """Keep it: what it reads by is the process's, and connects again by itself."""
