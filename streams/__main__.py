"""Runs projections: `python -m streams all`, or the names of some; `dlq-retry NAME` tries dead letters again.

`tables` makes the tables of all of them on servers, see streams.tables. `replay …` builds some anew (streams.replay),
`generations …` tells of their builds and moves readers between them (streams.generations).
"""

from __future__ import annotations

import asyncio
import logging
import sys

from infra import json_logs
from infra.settings import Settings
from infra.trouble import REFUSED, refusing
from streams.projections import PROJECTIONS

ALL = "all"
RETRY = "dlq-retry"
TABLES = "tables"

FAUST_LOGGERS = (
    "faust",
    "mode",
    "streams.app",
    "streams.transports.sqlog",
    "streams.transports.kafkabatch",
)  # a line per service started or stopped

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    if arguments == [TABLES]:
        return _make_tables()
    if arguments and (verb := VERBS.get(arguments[0])) is not None:
        return verb(arguments[1:])
    known = [projection.name for projection in PROJECTIONS]
    retrying = arguments[:1] == [RETRY]
    names = known if arguments == [ALL] else arguments[retrying:]
    if not names or not set(names) <= set(known) or (retrying and len(names) > 1):
        sys.stderr.write(f"usage: python -m streams {ALL} | {TABLES} | [{RETRY}] {' | '.join(known)}\n")
        return REFUSED
    return _work(names, retrying=retrying)


def _work(names: list[str], *, retrying: bool) -> int:
    from streams.bootstrap import retry_dead_letters, run  # noqa: PLC0415 - Faust takes long to load: verbs need it not
    from streams.errors import AppCrashedError  # noqa: PLC0415
    from streams.loop import EXIT_CODE  # noqa: PLC0415

    settings = Settings()
    json_logs.configure(settings.log_level)
    for name in FAUST_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    try:
        if retrying:
            applied, refused = asyncio.run(retry_dead_letters(settings, names[0]))
            sys.stdout.write(f"{names[0]}: {applied} applied, {refused} refused again\n")
            return 0
        logger.info("starting %s", ", ".join(names))
        asyncio.run(run(settings, names))
    except AppCrashedError:
        logger.critical("a projection died", exc_info=True)
        return EXIT_CODE
    logger.info("stopped")
    return 0


def _replay(arguments: list[str]) -> int:
    from streams.replay.command import main as replay  # noqa: PLC0415 - workers do not need it

    return replay(arguments)


def _audit(arguments: list[str]) -> int:
    from streams.replay.audit import main as audit  # noqa: PLC0415 - workers do not need it

    return audit(arguments)


def _generations(arguments: list[str]) -> int:
    from streams.generations.command import main as generations  # noqa: PLC0415 - workers do not need it

    return generations(arguments)


def _make_tables() -> int:
    from streams.tables import make_tables  # noqa: PLC0415 - its driver is installed where there are servers

    sys.stdout.write(f"tables of {', '.join(make_tables(Settings()))}: there\n")
    return 0


VERBS = {"replay": _replay, "audit": _audit, "generations": _generations}


if __name__ == "__main__":
    sys.exit(refusing("streams", lambda: main(sys.argv[1:])))
