"""One process of a replay: `python -m streams.replay.process ORDERS`, started by streams.replay.command on a leash."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing

from infra.archive.opening import archived
from infra.auth.seals import seals_on_files
from infra.log.embedded import EmbeddedLogReader
from infra.trouble import refusing
from schemas import codec
from streams.projections import PROJECTIONS
from streams.replay.kinds import KINDS
from streams.replay.lock import BUILD_FILE, ReplayLock
from streams.replay.messages import Lines, begun, placed
from streams.replay.rebuild import Rebuild, Task
from streams.replay.sample import Sample


def main(arguments: list[str]) -> int:
    """Build what the orders say; return the exit code."""
    orders, settings = begun(arguments)
    projections = {it.name: it for it in PROJECTIONS}
    tasks = [
        Task(
            projections[it.projection],
            KINDS[it.projection],
            it.generation,
            it.live,
            None if it.until is None else placed(it.until),
        )
        for it in orders.tasks
    ]
    with ExitStack() as held:
        for task in tasks:
            held.enter_context(closing(ReplayLock(settings.projections_dir / task.projection.name, BUILD_FILE)))
        codec.open_with(seals_on_files(settings))
        reader = EmbeddedLogReader(settings.log_dir)
        log = held.enter_context(closing(archived(settings, reader, prefer_archive=orders.from_archive)))
        Rebuild(settings, log, tasks, Sample(*orders.sample), Lines().tell, orders.rate).run()
    return 0


if __name__ == "__main__":
    sys.exit(refusing("replay", lambda: main(sys.argv[1:])))
