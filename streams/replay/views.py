"""Shows how a replay goes on: a bar a projection for people, or JSON lines."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from infra.replay_progress import ProjectionProgress

LINE_SECONDS = 1.0

Projections = dict[str, "ProjectionProgress"]


class View(Protocol):
    """Hears of a replay's progress."""

    def show(self, projections: Projections) -> None:
        """Show how far each projection is."""

    def say(self, text: str) -> None:
        """Tell people something; machines get it in the summary."""

    def done(self, summary: dict[str, Any], lines: list[str]) -> None:
        """Show the result."""

    def close(self) -> None:
        """Leave the screen in order."""


class JsonLines:
    """At most one line a second, and one at the end."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def _line(self, facts: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()

    def show(self, projections: Projections) -> None:
        """Show how far each projection is."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + LINE_SECONDS
        told = {
            name: {
                "generation": it.generation, "phase": it.phase, "done": it.done, "total": it.total,
                "rate": round(it.rate), "eta_s": it.eta_s, "behind": it.behind,
            }
            for name, it in projections.items()
        }  # fmt: skip
        self._line({"phase": "replay", "projections": told})

    def say(self, text: str) -> None:
        """Tell people something; machines get it in the summary."""

    def done(self, summary: dict[str, Any], lines: list[str]) -> None:  # noqa: ARG002 - lines are for people
        """Show the result."""
        self._line({"phase": "done", **summary})

    def close(self) -> None:
        """Do nothing: lines need no end."""


class Silence:
    """Nothing: whoever asked wants one answer."""

    def show(self, projections: Projections) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def done(self, summary: dict[str, Any], lines: list[str]) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Bars:
    """A bar a projection, on standard error; the result on standard output."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:22}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]:>23}"),
            TextColumn("{task.fields[rate]:>12}"),
            TextColumn("{task.fields[eta]:>9}"),
            TextColumn("{task.fields[behind]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}
        self._progress.start()

    def show(self, projections: Projections) -> None:
        """Show how far each projection is."""
        for name, it in projections.items():
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=None, count="", rate="", eta="", behind="")
            most = max(it.behind, key=lambda place: it.behind[place], default="")
            self._progress.update(
                self._tasks[name],
                description=f"{name} g{it.generation}",
                completed=it.done,
                total=it.total or None,
                count=f"{it.done:,}/{it.total:,}",
                rate=f"{it.rate:,.0f}/s" if it.phase == "load" else it.phase,
                eta="" if it.eta_s is None else f"{it.eta_s:.0f} s left",
                behind=f"{most} {it.behind[most]:,}" if most else "",
            )

    def say(self, text: str) -> None:
        """Tell people something."""
        self._progress.console.print(text, markup=False, highlight=False)

    def done(self, summary: dict[str, Any], lines: list[str]) -> None:  # noqa: ARG002 - the summary is for machines
        """Show the result."""
        self.close()
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    def close(self) -> None:
        """Leave the screen in order."""
        self._progress.stop()
