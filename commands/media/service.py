"""What media commands work with: the object store, a place for what streams in, and how many may."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.http.problems import Problem
from projections.media.read_model import State
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from commands.views import Views
    from infra.log.port import Position
    from infra.objects.port import ObjectStore
    from projections.media.read_model import Media

UPLOADS_AT_A_TIME = 32
"""Of a process: each holds 1 MiB and a file that is open."""


class MediaParts:
    """One a process."""

    def __init__(self, objects: ObjectStore, folder: Path, wait_ms: int) -> None:
        self.objects = objects
        self.folder = folder
        self._wait_s = wait_ms / 1000
        self._under_way = 0

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a place among the uploads of the process; refuses where all are taken."""
        if self._under_way >= UPLOADS_AT_A_TIME:
            raise Problem("overloaded", headers={"Retry-After": "5", "Connection": "close"})
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def settled(self, views: Views, media_id: str, positions: Sequence[Position]) -> Media | None:
        """Return an upload as soon as it is ready or has failed, or as it is after a while; None: not known yet."""
        number, until = from_uuid(media_id) or 0, time.monotonic() + self._wait_s
        for position in positions:
            at = position
            while await views.media_passed(at, max(0.0, until - time.monotonic())):
                media = views.media.many([number]).get(number)
                if media is None or media.state != State.PROCESSING:
                    return media
                at = at._replace(offset=at.offset + 1)  # what becomes of it stands behind it
        return views.media.many([number]).get(number)
