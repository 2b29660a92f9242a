"""`murmur replay` on servers: a generation's tables, indices or keys are filled by processes that share the partitions.

Consumes:   Kafka, through the processes of streams.replay.crew
Writes:     the stores of new generations, and what becomes of them (infra.generations)
Guarantee:  as on files: a store's checkpoint decides, a process that is killed goes on, and readers get a generation
            only after it was verified and is kept up by the stream workers

Verified are the entities of a sample, by a recount from the log at the very positions of the new generation, which
nobody writes then; and, once stream workers keep it up, all of it beside the live one (streams.replay.server_beside).
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.record import State, Verification
from infra.trouble import TroubleError
from projections.search import read_model as search
from streams.generations.moves import waiting
from streams.generations.servers import ServerStock
from streams.replay.findings import LIVE, Report, located
from streams.replay.hearing import Hearing, hear_alone
from streams.replay.kinds import KINDS
from streams.replay.messages import Orders, TaskOrder, named
from streams.replay.options import processes_of
from streams.replay.plan import wanted_sample
from streams.replay.run import Replay
from streams.replay.sample import sample_of
from streams.replay.server_beside import LOOK_SECONDS, SETTLED_SECONDS, Beside
from streams.replay.servers import OnServers
from streams.tables import make_generation

if TYPE_CHECKING:
    from infra.log.port import TopicPartition
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.findings import Finding
    from streams.replay.options import Options
    from streams.replay.scores import Scores
    from streams.replay.views import View

FOLLOWED_SECONDS = 120.0
NEARLY = 100  # records: the log moves on


class ServerReplay(Replay):
    """One run of the command."""

    process = "streams.replay.server_process"

    def __init__(self, settings: Settings, options: Options) -> None:
        super().__init__(settings, options)
        self._hearings: dict[str, Hearing] = {}
        self._reports: dict[str, Report] = {}
        if "all" in options.projections and not settings.elasticsearch_urls:
            self._projections = [it for it in self._projections if it.name != search.PROJECTION]

    def _open(self, held: ExitStack) -> None:
        self._stock = held.enter_context(closing(ServerStock(self._settings)))
        self._generations = Generations(self._stock.kept, SystemClock())
        topics = sorted({topic for it in self._projections for topic in it.topics})
        self._servers = OnServers(self._settings, topics, held, from_archive=self._options.from_archive)
        self._log = self._servers.log

    def _version(self, projection: Projection) -> int:
        return self._stock.version(projection)

    def _number(self, projection: Projection) -> int:
        number = super()._number(projection)
        make_generation(self._settings, projection.name, number)
        return number

    def _orders(self) -> list[Orders]:
        processes = processes_of(self._options)
        tasks = [self._task(it) for it in self._projections]
        rate = self._options.max_rate / processes
        share = [(number, processes) for number in range(processes)]
        return [Orders(tasks, (1, 1, 0), rate, it, self._options.from_archive) for it in share]

    def _task(self, projection: Projection) -> TaskOrder:
        ends = self._end(projection) or named(self._log.end_offsets(projection.topics))
        return TaskOrder(projection.name, self._numbers[projection.name], None, ends)

    def _built(self, scores: Scores, view: View) -> None:
        """Recount, now that nobody writes the new generations: they are marked as followed only after it."""
        sample = sample_of(*wanted_sample(self._log), self._options.sample, self._turn())
        upto: dict[Hearing, dict[TopicPartition, int]] = {}
        for it in self._projections:
            scores.phase(it.name, "verify")
            self._hearings[it.name] = Hearing(KINDS[it.name].recount(sample))
            upto[self._hearings[it.name]] = dict(self._stock.checkpoints(it, self._numbers[it.name]) or {})
        view.show(scores.projections)
        hear_alone(upto, self._log)
        for it in self._projections:
            report = self._report(it, self._hearings[it.name], upto[self._hearings[it.name]])
            self._reports[it.name] = report
            scores.judged(report)
            self._judge(report, scores, view)

    def _report(self, projection: Projection, hearing: Hearing, upto: dict[TopicPartition, int]) -> Report:
        began = time.monotonic()
        reader = self._servers.reader(projection.name, self._numbers[projection.name])
        findings = self._answers(hearing, reader)
        while findings and time.monotonic() < began + SETTLED_SECONDS:
            time.sleep(LOOK_SECONDS)  # an index tells nobody when it shows what it was given
            findings = self._answers(hearing, reader)
        told = tuple(located(findings, self._log, upto, set(projection.topics)))
        return Report(projection.name, "", 0, None, hearing.recount.entities(), told, time.monotonic() - began)

    def _answers(self, hearing: Hearing, reader: Any) -> list[Finding]:
        return list(hearing.recount.differences(reader))

    def _promote(self, scores: Scores, view: View) -> None:
        for projection in self._projections:
            name, number = projection.name, self._numbers[projection.name]
            if scores.projections[name].phase != "hand over":
                continue
            self._until_followed(projection)
            report = self._beside_the_live_one(projection)
            scores.judged(report)
            for finding in report.findings:
                view.say(f"{name}: {finding.line()}")
            result = Verification(
                report.stands(changed=self._options.changed), SystemClock().now_ms(), "", report.line()
            )
            self._generations.verified(name, number, result)
            if not result.verified and not self._options.force:
                self._generations.mark(name, number, State.FAILED, note=report.line())
                scores.phase(name, "failed")
                continue
            if self._options.promote:
                self._generations.promote(name, number, force=self._options.force, note=self.note)
            scores.phase(name, "done")
            view.show(scores.projections)

    def _until_followed(self, projection: Projection) -> None:
        number, give_up_at = self._numbers[projection.name], time.monotonic() + FOLLOWED_SECONDS
        while (left := waiting(self._stock, projection, number)) is None or left > NEARLY:
            if time.monotonic() > give_up_at:
                what = f"generation {number} of {projection.name} is not kept up: {left} records are waiting"
                raise TroubleError(
                    what, "do stream workers run? `murmur generations promote` switches to it once it is kept up"
                )
            time.sleep(LOOK_SECONDS)  # stream workers tell nobody how far they are

    def _beside_the_live_one(self, projection: Projection) -> Report:
        """Return the report, with what the new generation holds otherwise than the live one, however often asked."""
        name, began = projection.name, time.monotonic()
        report, active = self._reports[name], self._generations.of(name).active
        if not self._stock.checkpoints(projection, active):
            return report
        rows, differing = Beside(self._servers, name, self._numbers[name], active, self._hearings[name]).differences(
            LIVE
        )
        told = self._located(projection, differing)
        spent = report.seconds + time.monotonic() - began
        return report._replace(rows=rows, compared_with=active, findings=(*report.findings, *told), seconds=spent)

    def _located(self, projection: Projection, findings: list[Finding]) -> tuple[Finding, ...]:
        upto = self._log.end_offsets(projection.topics)
        return tuple(located(findings, self._log, upto, set(projection.topics)))
