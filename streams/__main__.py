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
    try:
        asyncio.run(run(settings, names))
    except (TroubleError, WrongSpanError) as error:
        sys.stderr.write(f"streams: {error}\n")
        return REFUSED
    except AppCrashedError:
        logger.critical("a projection died", exc_info=True)
        return EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
