"""Shows how an import goes on: a bar for people, or JSON lines."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from commands.imports.loader import Advance
    from commands.imports.projecting import Behind

LINE_SECONDS = 1.0


class View(Protocol):
    """Hears of an import's progress."""

    def appended(self, advance: Advance, total_steps: int) -> None:
        """Show how much of the file is on the log."""

    def applied(self, behind: Behind) -> None:
        """Show how far the projections are behind."""

    def done(self, summary: dict[str, Any]) -> None:
        """Show the result."""

    def close(self) -> None:
        """Leave the screen in order; what is done may be shown afterwards."""


class JsonLines:
    """At most one line a second, and one at the end."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def _line(self, **facts: Any) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LINE_SECONDS
            sys.stdout.write(json.dumps(facts) + "\n")
            sys.stdout.flush()

    def appended(self, advance: Advance, total_steps: int) -> None:
        """Show how much of the file is on the log."""
        self._line(phase="append", steps=advance.steps, total_steps=total_steps, events=advance.events)

    def applied(self, behind: Behind) -> None:
        """Show how far the projections are behind."""
        self._line(phase="project", **behind._asdict())

    def done(self, summary: dict[str, Any]) -> None:
        """Show the result."""
        self._next_at = 0.0
        self._line(phase="done", **summary)

    def close(self) -> None:
        """Do nothing: lines need no end."""


class Bars:
    """A bar for each of the two phases, on standard error; the result on standard output."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._append = self._progress.add_task("steps on the log", total=None, rate="")
        self._project = self._progress.add_task("events projected", total=None, rate="", visible=False)
        self._began = time.monotonic()
        self._total = 0
        self._progress.start()

    def appended(self, advance: Advance, total_steps: int) -> None:
        """Show how much of the file is on the log."""
        rate = advance.events / max(time.monotonic() - self._began, 0.001)
        self._progress.update(self._append, completed=advance.steps, total=total_steps, rate=f"{rate:,.0f} events/s")

    def applied(self, behind: Behind) -> None:
        """Show how far the projections are behind."""
        self._total = max(self._total, behind.together)
        self._progress.update(
            self._project, visible=True, total=self._total, completed=self._total - behind.together,
            rate=f"slowest: {behind.slowest:,} to go",
        )  # fmt: skip

    def done(self, summary: dict[str, Any]) -> None:
        """Show the result."""
        sys.stdout.write(summary["message"] + "\n")

    def close(self) -> None:
        """Leave the screen in order."""
        self._progress.stop()
