"""`murmur audit` on servers: rebuilds a projection beside the live one, and compares all that both hold.

Consumes:   Kafka, through the processes of streams.replay.crew; the live generation, which stream workers keep up
Writes:     a generation beside, which is deleted at the end; with --repair, where the live one is wrong and the other
            is right, readers are given that one instead; so they are for an account that is known to be wrong
Guarantee:  nothing is written into the live generation. What is read instead was recounted from the log, and is kept up
            by the stream workers before readers get it: no record is missed or applied twice, whatever goes on

Why rows are not put right one by one, as on files, is told in docs/decisions/0027.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.generations.record import State, Verification
from infra.trouble import TroubleError
from streams.replay.build import Throttle, build
from streams.replay.crew import Crew
from streams.replay.findings import REBUILT
from streams.replay.hearing import Hearing, hear_alone
from streams.replay.kinds import KINDS
from streams.replay.lock import ReplayLock
from streams.replay.options import Options
from streams.replay.outcome import Outcome
from streams.replay.sample import only
from streams.replay.scores import Scores
from streams.replay.server_beside import Beside
from streams.replay.server_replay import ServerReplay
from streams.replay.servers import SPAN_RECORDS
from streams.replay.views import Bars, Silence

if TYPE_CHECKING:
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.findings import Report
    from streams.replay.options import AuditOptions
    from streams.replay.views import View


class ServerAudit(ServerReplay):
    """One audit of the live generation of one projection."""

    note = "audit"

    def __init__(self, settings: Settings, options: AuditOptions) -> None:
        super().__init__(settings, Options((options.projection,), sample=options.sample, as_json=options.as_json))
        self._repair = options.repair
        self._user = options.user

    def outcome(self) -> Outcome:
        """Compare, and let readers have what is right where asked to."""
        (projection,) = self._projections
        with ExitStack() as held:
            self._open(held)
            self._log.check(projection.topics)
            if not self._is_there(projection):
                raise TroubleError(f"{projection.name} was never built", "start the stream workers: `murmur up`")
            held.enter_context(closing(ReplayLock(self._settings.projections_dir / projection.name)))
            view: View = Silence() if self._options.as_json else Bars()
            held.callback(view.close)
            return self._audited(projection, view)

    def _is_there(self, projection: Projection) -> bool:
        """Tell whether something was applied, or nothing was said that could have been."""
        active = self._generations.of(projection.name).active
        said = any(self._log.end_offsets(projection.topics).values())
        return not said or bool(self._stock.checkpoints(projection, active))

    def _audited(self, projection: Projection, view: View) -> Outcome:
        name, began = projection.name, time.monotonic()
        scores = Scores({name: self._number(projection)})
        with Crew(self._settings, self.process, self._orders(), self._options.nice) as crew:
            for line in crew.lines():
                if line is not None:
                    scores.hear(line)
                view.show(scores.projections)
            if any(crew.exit_codes()):
                raise TroubleError("a process of the audit died", "run the same command again: it goes on")
        self._built(scores, view)
        report = self._compared(projection)._replace(seconds=time.monotonic() - began)
        active = self._generations.of(name).active
        if not self._repair or (report.right and self._user is None):
            self._delete(projection)
            return Outcome(active, report)
        if not self._reports[name].right:
            self._delete(projection)
            return Outcome(
                active, report, 0, "what is rebuilt is not as the recount says either: nothing is given to readers"
            )
        return Outcome(active, report, swapped=self._swapped(projection, scores, view))

    def _built(self, scores: Scores, view: View) -> None:
        """Recount a sample, and the account for whom all this is done."""
        super()._built(scores, view)
        if self._user is None:
            return
        (projection,) = self._projections
        hearing = Hearing(KINDS[projection.name].recount(only(self._user)))
        upto = dict(self._stock.checkpoints(projection, self._numbers[projection.name]) or {})
        hear_alone({hearing: upto}, self._log)
        report, own = self._reports[projection.name], self._report(projection, hearing, upto)
        self._reports[projection.name] = report._replace(
            entities=report.entities + own.entities, findings=(*report.findings, *own.findings)
        )

    def _judge(self, report: Report, scores: Scores, view: View) -> None:
        """Leave the generation as it is: what is judged is the live one."""
        scores.phase(report.projection, "compare")
        view.show(scores.projections)

    def _compared(self, projection: Projection) -> Report:
        """Return what the live generation holds otherwise than the rebuilt one, which goes on with the log as well."""
        name, active = projection.name, self._generations.of(projection.name).active
        goes_on = self._servers.build(projection, self._numbers[name], {})

        def move() -> None:
            goes_on.goal = self._log.end_offsets(projection.topics)
            build(self._log, [goes_on], Throttle(0), span_records=SPAN_RECORDS)

        move()
        beside = Beside(self._servers, name, active, self._numbers[name], self._hearings[name], move)
        rows, differing = beside.differences(REBUILT)
        report = self._reports[name]
        told = self._located(projection, differing)
        return report._replace(rows=rows, compared_with=self._numbers[name], findings=(*report.findings, *told))

    def _swapped(self, projection: Projection, scores: Scores, view: View) -> int:
        """Let stream workers take the rebuilt generation over, then readers have it."""
        name, number = projection.name, self._numbers[projection.name]
        recounted = self._reports[name]
        result = Verification(True, SystemClock().now_ms(), recounted.digest, recounted.line())
        self._generations.verified(name, number, result)
        self._generations.mark(name, number, State.FOLLOWING, note=self.note)
        scores.phase(name, "hand over")
        view.show(scores.projections)
        self._until_followed(projection)
        self._generations.promote(name, number, note=self.note)
        return number

    def _delete(self, projection: Projection) -> None:
        name, number = projection.name, self._numbers[projection.name]
        self._generations.drop(name, number)
        self._stock.delete(projection, number)
        self._generations.forget(name, number)
