"""One run of `murmur replay`: builds generations beside the live ones, verifies them, and lets readers have them.

Consumes:   the log, through the processes of streams.replay.crew
Writes:     files of new generations, and what becomes of them (infra.generations)
Guarantee:  killed anywhere, the same command goes on with the same generations. Readers get one only after it was
            verified and is kept up, or with --force, which the audit keeps
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State, Verification
from infra.replay_progress import ProgressFile
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from streams.replay.crew import Crew
from streams.replay.dry_run import dry_run, opened_log
from streams.replay.handover import kept_up
from streams.replay.kinds import KINDS, chosen
from streams.replay.lock import ReplayLock
from streams.replay.messages import Orders, TaskOrder, named
from streams.replay.moments import moment
from streams.replay.options import processes_of
from streams.replay.plan import shared_out, wanted_sample
from streams.replay.sample import sample_of
from streams.replay.scores import Scores
from streams.replay.views import Bars, JsonLines

if TYPE_CHECKING:
    from infra.archive.reader import ArchivedLog
    from infra.generations.record import Generation
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.findings import Report
    from streams.replay.moments import Moment
    from streams.replay.options import Options
    from streams.replay.views import View

STOPPED = 1  # exit code: verification stopped promotion, or a process died


class Replay:
    """One run of the command, on files."""

    process = "streams.replay.process"
    note = "replay"  # what it begins, and takes up again, is noted so

    def __init__(self, settings: Settings, options: Options) -> None:
        self._settings = settings
        self._options = options
        self._projections = chosen(options.projections)
        self._numbers: dict[str, int] = {}
        self._until: Moment | None = None

    def run(self) -> int:
        """Build, verify, promote; return the exit code."""
        with ExitStack() as held:
            self._open(held)
            if self._options.until is not None:
                topics = {topic for it in self._projections for topic in it.topics}
                self._until = moment(self._options.until, self._log, topics, SystemClock().now_ms())
            if self._options.dry_run:
                return dry_run(self._settings, self._log, self._projections, self._options)
            for it in self._projections:
                held.enter_context(closing(ReplayLock(self._settings.projections_dir / it.name)))
            checked = self._log.check(sorted({topic for it in self._projections for topic in it.topics}))
            view: View = JsonLines() if self._options.as_json else Bars()
            held.callback(view.close)
            if checked:
                view.say(f"archive: {checked:,} segments are whole, and join the log without a gap")
            self._leave_out_frozen(view)
            scores = Scores({it.name: self._number(it) for it in self._projections})
            if self._projections:
                return self._run(view, scores)
            view.done(scores.summary(0.0), [])
            return 0

    def _open(self, held: ExitStack) -> None:
        self._generations = Generations(FileGenerations(self._settings.projections_dir), SystemClock())
        log = opened_log(self._settings, prefer_archive=self._options.from_archive)
        self._log: ArchivedLog = held.enter_context(closing(log))

    def _version(self, projection: Projection) -> int:
        return projection.schema_version

    def _built(self, scores: Scores, view: View) -> None:
        """Go on once all is built; on files, what builds has verified, too."""

    def _run(self, view: View, scores: Scores) -> int:
        began = time.monotonic()
        told = ProgressFile(self._settings.run_dir)
        with Crew(self._settings, self.process, self._orders(), self._options.nice) as crew:
            for line in crew.lines():
                if line is not None:
                    scores.hear(line)
                    if line.report is not None:
                        self._judge(line.report, scores, view)
                view.show(scores.projections)
                told.write(scores.projections)
            crashed = any(crew.exit_codes())
        if not crashed:
            self._built(scores, view)
        self._promote(scores, view)
        told.write(scores.projections, finished=True)
        summary = scores.summary(time.monotonic() - began)
        view.done(summary, scores.lines(summary))
        if crashed:
            raise TroubleError("a process of the replay died", "run the same command again: it goes on where it was")
        return STOPPED if scores.failed() else 0

    def _number(self, projection: Projection) -> int:
        """Return the generation to build: the one that a replay before left half built, or a new one."""
        name, until = projection.name, self._end(projection)
        half_built = [it for it in self._of_this_moment(projection, State.BUILDING) if it.note == self.note]
        if half_built:
            self._numbers[name] = half_built[-1].number
        else:
            at_ms = None if self._until is None else self._until.at_ms
            begun = self._generations.begin(
                name, self._version(projection), until=until or None, until_ms=at_ms, note=self.note
            )
            self._numbers[name] = begun
        return self._numbers[name]

    def _of_this_moment(self, projection: Projection, state: State) -> list[Generation]:
        """Return the generations in a state that were built, or are, up to where this run is to build."""
        until, at_ms = self._end(projection) or {}, None if self._until is None else self._until.at_ms
        version = self._version(projection)
        return [
            it
            for it in self._generations.of(projection.name).generations
            if it.state is state and it.is_of(version) and (it.until, it.until_ms) == (until, at_ms)
        ]

    def _leave_out_frozen(self, view: View) -> None:
        """Build nothing that is there already: what is frozen at a moment does not change."""
        left = []
        for it in self._projections:
            if self._until is not None and (there := self._of_this_moment(it, State.FROZEN)):
                view.say(f"{it.name}: generation {there[-1].number} is that moment's already")
            else:
                left.append(it)
        self._projections = left

    def _orders(self) -> list[Orders]:
        ends = self._log.end_offsets([*{topic for it in self._projections for topic in it.topics}])
        groups = shared_out(self._projections, KINDS, ends, processes_of(self._options))
        sample = sample_of(*wanted_sample(self._log), self._options.sample, self._turn())
        rate = self._options.max_rate / len(groups)
        return [
            Orders(
                [self._task(it) for it in group],
                (sample.users, sample.tweets, sample.turn),
                rate,
                from_archive=self._options.from_archive,
            )
            for group in groups
        ]

    def _task(self, projection: Projection) -> TaskOrder:
        name, active = projection.name, self._generations.of(projection.name).active
        there = generation_path(self._settings.projections_dir, name, active).exists()
        return TaskOrder(name, self._numbers[name], active if there else None, self._end(projection))

    def _end(self, projection: Projection) -> dict[str, int] | None:
        """Return where a projection ends that is built up to a moment."""
        if self._until is None:
            return None
        return named({place: end for place, end in self._until.ends.items() if place.topic in projection.topics})

    def _turn(self) -> int:
        """Return which sample is taken: each generation is verified by another one."""
        return sum(self._numbers.values())

    def _judge(self, report: Report, scores: Scores, view: View) -> None:
        """Write down what came of the verification, and what the generation is from now on."""
        name, number = report.projection, self._numbers[report.projection]
        for finding in report.findings:
            view.say(f"{name}: {finding.line()}")
        right = report.stands(changed=self._options.changed)
        scores.projections[name].verified = right
        result = Verification(right, SystemClock().now_ms(), report.digest, report.line())
        self._generations.verified(name, number, result)
        if not right and not self._options.force:
            self._generations.mark(name, number, State.FAILED, note=report.line())
            scores.phase(name, "failed")
        elif self._until is not None:
            self._generations.mark(name, number, State.FROZEN)
            scores.phase(name, "done")
        else:
            self._generations.mark(name, number, State.FOLLOWING)
            scores.phase(name, "hand over")

    def _promote(self, scores: Scores, view: View) -> None:
        """Let readers have what is verified and kept up."""
        for projection in self._projections:
            name, kind = projection.name, KINDS[projection.name]
            if scores.projections[name].phase != "hand over":
                continue
            active = self._generations.of(name).active
            with kept_up(self._settings, projection, kind, self._numbers[name], active, self._log):
                if self._options.promote:
                    self._generations.promote(name, self._numbers[name], force=self._options.force, note=self.note)
            scores.phase(name, "done")
            view.show(scores.projections)
