"""Adds up what the processes of a replay say: how far each projection is, how fast, and how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from infra.replay_progress import ProjectionProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.replay.findings import Report
    from streams.replay.messages import Line

RATE_SECONDS = 3.0
BUILT = "built"


class Scores:
    """The progress of each projection."""

    def __init__(self, generations: Mapping[str, int]) -> None:
        self.projections = {name: ProjectionProgress(number) for name, number in generations.items()}
        self._began: dict[str, tuple[float, int]] = {}
        self._passed: dict[str, int] = {}
        self._goals: dict[str, dict[str, int]] = {}
        self._done: dict[str, dict[str, int]] = {}

    def hear(self, line: Line) -> None:
        """Take in what a process says."""
        it = self.projections[line.projection]
        it.phase = line.phase
        if line.goal:
            self._add(line, it)
        if line.phase == BUILT:
            self._passed[line.projection] = self._passed.get(line.projection, 0) + line.passed
        if line.report is not None:
            self.judged(line.report)

    def _add(self, line: Line, it: ProjectionProgress) -> None:
        """Add what one process tells of its partitions to what the others did of theirs."""
        goal, done = self._goals.setdefault(line.projection, {}), self._done.setdefault(line.projection, {})
        goal.update(line.goal)
        done.update({place: line.done.get(place, 0) for place in line.goal})
        it.done = sum(min(done[place], end) for place, end in goal.items())
        it.total = sum(goal.values())
        it.behind = {place: end - done[place] for place, end in goal.items() if done[place] < end}
        self._rate(line.projection, it)

    def judged(self, report: Report) -> None:
        """Take in what came of a verification."""
        it = self.projections[report.projection]
        it.verified = report.right
        it.report = report.line()

    def _rate(self, name: str, it: ProjectionProgress) -> None:
        now = time.monotonic()
        since, done = self._began.setdefault(name, (now, it.done))
        if now - since >= RATE_SECONDS or not it.rate:
            it.rate = (it.done - done) / max(now - since, 0.001) if now > since else 0.0
        if now - since >= RATE_SECONDS:
            self._began[name] = (now, it.done)
        it.eta_s = round((it.total - it.done) / it.rate, 1) if it.rate else None

    def phase(self, name: str, phase: str) -> None:
        """Say what a projection is at."""
        self.projections[name].phase = phase

    def failed(self) -> list[str]:
        """Return the projections whose verification stopped them."""
        return [name for name, it in self.projections.items() if it.phase == "failed"]

    def summary(self, seconds: float) -> dict[str, Any]:
        """Return the result for machines."""
        return {
            "seconds": round(seconds, 2),
            "projections": {
                name: {
                    "generation": it.generation, "phase": it.phase, "records": it.total, "verified": it.verified,
                    "report": it.report, "passed_by": self._passed.get(name, 0),
                }
                for name, it in self.projections.items()
            },
        }  # fmt: skip

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        """Return the result for people."""
        told = []
        for name, it in self.projections.items():
            how = {True: "verified", False: "WRONG", None: "not verified"}[it.verified]
            told.append(f"{name} g{it.generation}: {it.phase}, {how}: {it.report}")
            if passed := self._passed.get(name):
                told.append(f"  {passed:,} records could not be applied: see `murmur dlq list`")
        return [*told, f"{summary['seconds']:.1f} s"]
