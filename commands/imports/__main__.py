"""Loads a file: `python -m commands.imports higgs|epinions|follows|tweets FILE`; `murmur load` becomes this process."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from commands.imports.bootstrap import run
from commands.imports.errors import ImportConflictError, ImportFileError
from infra.log.port import LogError
from infra.settings import Settings
from infra.supervisor import GaveUpError
from infra.trouble import TroubleError

REFUSED = 2
INTERRUPTED = 130


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="murmur load", description=__doc__)
    parser.add_argument("format", choices=["higgs", "epinions", "follows", "tweets"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit", type=int, help="only the first N rows")
    parser.add_argument("--active", action="store_true", help="every account has signed in just before the first row")
    parser.add_argument("--password", help="one password for all accounts loaded")
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Load; return the exit code. What can be put right is one line on standard error."""
    given = _arguments(argv)
    try:
        finished = asyncio.run(run(Settings(), given))
    except (ImportFileError, ImportConflictError) as error:
        remedy = "mend the file" if isinstance(error, ImportFileError) else "load into an empty folder with --data"
        sys.stderr.write(f"murmur load: {given.file}: {error}; {remedy}\n")
    except (TroubleError, GaveUpError, LogError) as error:
        sys.stderr.write(f"murmur load: {error}\n")
    except KeyboardInterrupt:
        return INTERRUPTED  # while the file was being read
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads a line
        sys.stderr.write(f"murmur load: unexpected {type(error).__name__}: {error}; what was loaded is safe\n")
    else:
        if not finished:
            sys.stderr.write("murmur load: stopped; the same command goes on from here\n")
        return 0 if finished else INTERRUPTED
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
