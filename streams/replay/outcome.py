"""What came of an audit, and how it is told."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.replay.kinds import KINDS

if TYPE_CHECKING:
    from streams.replay.findings import Report
    from streams.replay.options import AuditOptions


class Outcome(NamedTuple):
    """What an audit found, and what was done: rows mended (None: it did not try), or a generation read instead."""

    generation: int
    report: Report
    mended: int | None = None
    advice: str = ""
    swapped: int | None = None

    @property
    def right(self) -> bool:
        """Whether what readers get is right now, as far as is known."""
        return self.report.right or bool(self.mended) or self.swapped is not None


def show(outcome: Outcome, options: AuditOptions) -> None:
    """Print it, for people or machines."""
    report = outcome.report
    if options.as_json:
        facts: dict[str, Any] = {
            "projection": report.projection, "generation": outcome.generation, "right": report.right,
            "rows": report.rows, "entities": report.entities, "digest": report.digest,
            "differences": [{**it._asdict(), "positions": [list(at) for at in it.positions]} for it in report.findings],
            "mended": outcome.mended, "swapped": outcome.swapped, "advice": outcome.advice,
            "seconds": round(report.seconds, 2),
        }  # fmt: skip
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    lines = [finding.line() for finding in report.findings]
    lines.append(f"{report.projection} g{outcome.generation}: {_result(outcome, options)}")
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _result(outcome: Outcome, options: AuditOptions) -> str:
    report = outcome.report
    if options.user is not None and outcome.mended is not None:
        gathered = ", and its timeline gathered anew" if KINDS[report.projection].gather else ""
        return f"{outcome.mended:,} rows of account {options.user} put right{gathered}"
    if outcome.swapped is not None:
        return f"wrong; generation {outcome.swapped}, which is as the log says, is read instead"
    if report.right:
        rows = f"all {report.rows:,} rows are" if report.rows else "what readers are answered is"
        return f"{rows} as the log says; {report.entities:,} entities recounted"
    if outcome.mended:
        return f"mended, rows: {outcome.mended:,}; run it again to see that all is right"
    return outcome.advice or f"differences: {len(report.findings)}; --repair mends that"
