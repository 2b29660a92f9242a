"""Whom viewers do not see, kept on servers: blocks and mutes are few, and each feed would ask for them.

Kept until the store says that the account blocked or muted, was blocked, or no longer is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from infra.loading import Loading
from infra.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from projections.graph.read_model import Hidden


class HiddenReader(Protocol):
    """Reads whom a viewer does not see, and tells of changes."""

    def hidden(self, viewer_id: int) -> Hidden:
        """Return whose tweets the viewer does not see."""

    def changed(self) -> list[int]:
        """Return the accounts for whom that changed since the last call."""


class KeptHidden:
    """Reads it, or has it."""

    def __init__(self, graph: HiddenReader, entries: int, wait: Callable[[Future[Any]], Any]) -> None:
        self._graph = graph
        self.kept: Recent[Hidden] = Recent(entries)
        self._loading: Loading[Hidden] = Loading(self.kept, self._read, wait)
        self.rely = self._loading.rely

    def of(self, viewer_id: int) -> Hidden:
        """Return whose tweets the viewer does not see."""
        return self._loading.load((viewer_id,))[viewer_id]

    def refresh(self) -> None:
        """Forget what changed since the last call."""
        self._loading.drop(self._graph.changed())

    def _read(self, viewer_ids: list[int]) -> dict[int, Hidden]:
        return {viewer_id: self._graph.hidden(viewer_id) for viewer_id in viewer_ids}
