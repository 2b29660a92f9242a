"""The copies of facts, as whoever erases an account sees them: the port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from infra.log.port import LogReader, Position


class Copies(Protocol):
    """All builds of all projections, whoever keeps them up."""

    def behind(self, positions: Sequence[Position]) -> list[str]:
        """Return which of those that are kept up have not passed the positions yet. May wait, on servers."""

    def log(self) -> AbstractContextManager[LogReader]:
        """Open the log, with its archive before it; blocks, and is for a thread."""

    def scrub(self) -> list[str]:
        """Overwrite what was deleted, and let go of builds that nobody keeps up; return what remains, for a person."""
