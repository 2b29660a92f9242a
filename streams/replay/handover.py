"""Sees to it that a new generation is kept up before readers get it.

Where stream workers run they take it over: it is marked as followed, and its checkpoints are watched until they are at
the end of the log. Where none runs this process goes on to the end itself, holding the writers' locks of both
generations, so that none begins meanwhile. Either way one process at a time writes the file, from the checkpoint in
it: nothing is missed, and nothing is applied twice.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from streams.replay.build import Build, Throttle, build
from streams.writer_lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import LogReader
    from infra.projections import ProjectionReader
    from infra.settings import Settings
    from streams.parts import Projection
    from streams.replay.kinds import Kind

FOLLOWED_SECONDS = 60.0
POLL_SECONDS = 0.02


@contextmanager
def kept_up(
    settings: Settings, projection: Projection, kind: Kind, generation: int, active: int, log: LogReader
) -> Iterator[bool]:
    """Return once the generation is at the end of the log; yields whether stream workers keep it up.

    Raises TroubleError where they run but do not take it over.
    """
    path = generation_path(settings.projections_dir, projection.name, generation)
    with ExitStack() as locks:
        try:
            for number in (active, generation):
                file = generation_path(settings.projections_dir, projection.name, number)
                locks.enter_context(closing(WriterLock(file)))
        except TroubleError:
            locks.close()
            with closing(kind.open_reader(path)) as reader:
                _until_followed(reader, projection, generation, log)
            yield True
            return
        with closing(projection.open_store(path, log.log_id, settings)) as store:
            ends = log.end_offsets(projection.topics)
            build(log, [Build(projection.name, projection.project, store, ends, kind.passes_over)], Throttle(0))
        yield False


def _until_followed(reader: ProjectionReader, projection: Projection, generation: int, log: LogReader) -> None:
    ends = log.end_offsets(projection.topics)
    give_up_at = time.monotonic() + FOLLOWED_SECONDS
    while True:
        done = reader.checkpoints()
        left = sum(max(0, end - done.get(place, 0)) for place, end in ends.items())
        if not left:
            return
        if time.monotonic() > give_up_at:
            raise TroubleError(
                f"generation {generation} of {projection.name} is not kept up: {left:,} records are waiting",
                "look at the stream workers' log; `murmur generations promote` switches to it once it is",
            )
        time.sleep(POLL_SECONDS)  # a bell would have to be hung for this one wait
