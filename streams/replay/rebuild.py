"""Builds some projections into files of their own, proves them right, and brings them up to the end of the log.

Consumes:   the topics of the projections, and their live files, read-only
Writes:     `<projections>/<name>/g<n>.db` of the generations given; what it did goes to `tell`
Guarantee:  killed anywhere, the same call goes on where the files are; the outcome is that of an undisturbed run
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from infra.sqlite.bulk import SqliteBulkStore, is_loading
from infra.sqlite.projection_store import generation_path
from streams.replay.build import SPAN_RECORDS, Build, Throttle, build
from streams.replay.hearing import Hearing
from streams.replay.verify import Subject, pinned, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from infra.log.port import LogReader, TopicPartition
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.findings import Report
    from streams.replay.kinds import Kind
    from streams.replay.sample import Sample
    from streams.replay.verify import Pinned

FAR_BEHIND = 0.2
"""A live generation that lacks more than this share of the log is not compared with: it would hold up the build."""
LIVE_SECONDS = 10.0  # until a live generation is where a build that was resumed already is
LIVE_POLL_SECONDS = 0.05
CAUGHT_UP_RECORDS = 200
CATCH_UP_ROUNDS = 20


class Task(NamedTuple):
    """One generation to build: the live one that it is compared with, if any; the end, where it is not the log's."""

    projection: Projection
    kind: Kind
    generation: int
    live: int | None = None
    until: Mapping[TopicPartition, int] | None = None


class Told(NamedTuple):
    """How far one task is: `phase` is load, finish, verify, catch up or built."""

    projection: str
    phase: str
    done: Mapping[TopicPartition, int]
    goal: Mapping[TopicPartition, int]
    report: Report | None = None
    passed: int = 0


class Rebuild:
    """The tasks of one process, which share the reading and decoding of the log."""

    def __init__(
        self,
        settings: Settings,
        log: LogReader,
        tasks: Sequence[Task],
        sample: Sample,
        tell: Callable[[Told], None],
        rate: float = 0.0,
        span_records: int = SPAN_RECORDS,
    ) -> None:
        self._settings = settings
        self._log = log
        self._tasks = tasks
        self._sample = sample
        self._tell = tell
        self._throttle = Throttle(rate)
        self._span_records = span_records
        self._files = ExitStack()
        self._stores: dict[str, Any] = {}
        self._passed: dict[str, int] = dict.fromkeys((it.projection.name for it in tasks), 0)
        self._hearings = {it.projection.name: Hearing(it.kind.recount(sample)) for it in tasks}

    def run(self) -> dict[str, Report]:
        """Do it all; return the reports of verification."""
        with self._files:
            self._build({it.projection.name: self._first_goal(it) for it in self._tasks}, "load")
            self._finish()
            reports = self._verified()
            self._catch_up()
        for task in self._tasks:
            name = task.projection.name
            self._tell(Told(name, "built", {}, {}, reports[name], self._passed[name]))
        return reports

    def path(self, task: Task, generation: int | None = None) -> Path:
        """Return the file of a task's generation, or of another."""
        return generation_path(self._settings.projections_dir, task.projection.name, generation or task.generation)

    def _first_goal(self, task: Task) -> Mapping[TopicPartition, int]:
        """Return where it goes before it is verified: to where the live generation is, unless that is far behind."""
        ends = self._log.end_offsets(task.projection.topics)
        if task.until is not None:
            return {place: min(end, task.until.get(place, 0)) for place, end in ends.items()}
        if task.live is None:
            return ends
        try:
            with closing(task.kind.open_reader(self.path(task, task.live))) as reader:
                there = reader.checkpoints()
        except apsw.Error:
            return ends
        goal = {place: min(end, there.get(place, 0)) for place, end in ends.items()}
        return goal if sum(goal.values()) >= sum(ends.values()) * (1 - FAR_BEHIND) else ends

    def _build(self, goals: Mapping[str, Mapping[TopicPartition, int]], phase: str) -> None:
        """Bring each to its goal, and say how far they are."""
        wanted = [(task, goals[task.projection.name]) for task in self._tasks if task.projection.name in goals]
        builds = [self._opened(task, goal, hears=phase == "load") for task, goal in wanted]

        def tell(_: int) -> None:
            for it in builds:
                self._tell(Told(it.name, phase, it.done, it.goal))

        tell(0)
        build(self._log, builds, self._throttle, tell, self._span_records)
        for it in builds:
            self._passed[it.name] += len(it.passed)

    def _opened(self, task: Task, goal: Mapping[TopicPartition, int], *, hears: bool = False) -> Build:
        projection, name = task.projection, task.projection.name
        if name not in self._stores:
            path = self.path(task)
            bulk = task.kind.open_bulk
            opener = bulk if bulk is not None and (not path.exists() or is_loading(path)) else projection.open_store
            self._stores[name] = opener(path, self._log.log_id, self._settings)
            self._files.callback(self._close, name)
        hearing = self._hearings[name]
        build_ = Build(name, projection.project, self._stores[name], goal, task.kind.passes_over)
        if (
            hears and build_.done == hearing.heard
        ):  # not where a build goes on that was begun before: that is read again
            build_.hearing = hearing
        return build_

    def _close(self, name: str) -> None:
        if name in self._stores:
            self._stores.pop(name).close()

    def _finish(self) -> None:
        """Make whole what was loaded at once; from here on the projections' own stores write."""
        for task in self._tasks:
            name = task.projection.name
            if isinstance(store := self._stores[name], SqliteBulkStore):
                self._tell(Told(name, "finish", {}, {}))
                store.finish()
                self._close(name)

    def _verified(self) -> dict[str, Report]:
        with ExitStack() as pins:
            pinned_: dict[str, Pinned] = {}
            for task in self._tasks:
                if task.until is None and (pin := self._pin(task, pins)) is not None:
                    pinned_[task.projection.name] = pin
            self._build({name: pin.upto for name, pin in pinned_.items()}, "load")
            subjects = [self._subject(task, pinned_.get(task.projection.name), pins) for task in self._tasks]
            for it in subjects:
                self._tell(Told(it.name, "verify", {}, {}))
            return verify(subjects, self._log, self._sample.turn)

    def _subject(self, task: Task, live: Pinned | None, pins: ExitStack) -> Subject:
        name = task.projection.name
        pin = pins.enter_context(pinned(task.kind, self.path(task)))
        return Subject(name, task.kind, pin, self._hearings[name], live, task.live if live else None)

    def _pin(self, task: Task, pins: ExitStack) -> Pinned | None:
        """Hold the live generation as it is, once it is as far as the new one; None: it cannot be compared with."""
        if task.live is None or not self.path(task, task.live).exists():
            return None
        done = self._opened(task, {}).done
        ends = self._log.end_offsets(task.projection.topics)
        give_up_at = time.monotonic() + LIVE_SECONDS
        while True:
            with ExitStack() as attempt:
                try:
                    pin = attempt.enter_context(pinned(task.kind, self.path(task, task.live)))
                except apsw.Error:
                    return None  # of another layout, or damaged
                there = sum(min(pin.upto.get(place, 0), end) for place, end in ends.items())
                if there >= sum(ends.values()) * (1 - FAR_BEHIND) and _reaches(pin.upto, done):
                    pins.push(attempt.pop_all())
                    return pin
            if time.monotonic() > give_up_at or there < sum(done.values()) * (1 - FAR_BEHIND):
                return None
            time.sleep(LIVE_POLL_SECONDS)  # another process writes it; a bell would have to be hung for this one wait

    def _catch_up(self) -> None:
        """Go on to the end of the log, which moves on meanwhile, until next to nothing is left."""
        following = [task for task in self._tasks if task.until is None]
        for _ in range(CATCH_UP_ROUNDS):
            goals = {it.projection.name: self._log.end_offsets(it.projection.topics) for it in following}
            left = sum(self._opened(it, goals[it.projection.name]).left() for it in following)
            self._build(goals, "catch up")
            if left <= CAUGHT_UP_RECORDS:
                return


def _reaches(there: Mapping[TopicPartition, int], done: Mapping[TopicPartition, int]) -> bool:
    return all(there.get(place, 0) >= offset for place, offset in done.items())
