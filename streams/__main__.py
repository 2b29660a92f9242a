"""Runs projections: `python -m streams all`, or the names of some of them."""

from __future__ import annotations

import asyncio
import logging
import sys

from infra import json_logs
from infra.projections import WrongSpanError
from infra.settings import Settings
from infra.trouble import TroubleError
from streams.bootstrap import PROJECTIONS, run
from streams.errors import AppCrashedError
from streams.loop import EXIT_CODE

ALL = "all"
REFUSED = 2  # exit code: something that the person at the keyboard can put right

FAUST_LOGGERS = ("faust", "mode", "streams.app", "streams.transports.sqlog")  # a line per service started or stopped

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    known = [projection.name for projection in PROJECTIONS]
    names = known if arguments == [ALL] else arguments
    if not names or not set(names) <= set(known):
        sys.stderr.write(f"usage: python -m streams {ALL} | {' | '.join(known)} …\n")
        return REFUSED
    settings = Settings()
    json_logs.configure(settings.log_level)
    for name in FAUST_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logger.info("starting %s", ", ".join(names))
    try:
        asyncio.run(run(settings, names))
    except (TroubleError, WrongSpanError) as error:
        sys.stderr.write(f"streams: {error}\n")
        return REFUSED
    except AppCrashedError:
        logger.critical("a projection died", exc_info=True)
        return EXIT_CODE
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
