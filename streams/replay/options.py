"""What may be asked of a replay: `python -m streams replay …`, as `murmur replay` passes it on."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, NamedTuple

from infra.priority import MOST
from infra.trouble import TroubleError
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLE = 300  # accounts, and as many tweets, that are recounted from the log


class Options(NamedTuple):
    """The options of `murmur replay`; docs/cli.md says what each means."""

    projections: tuple[str, ...]
    until: str | None = None
    user: str | None = None
    promote: bool = True
    force: bool = False
    changed: bool = False
    dry_run: bool = False
    from_archive: bool = False
    max_rate: float = 0.0
    nice: int = MOST
    processes: int = 0
    sample: int = SAMPLE
    as_json: bool = False


def parsed(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the process with usage where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m streams replay")
    parser.add_argument("projections", nargs="+")
    parser.add_argument("--until")
    parser.add_argument("--user")
    parser.add_argument("--no-promote", dest="promote", action="store_false")
    for flag in ("--force", "--changed", "--dry-run", "--from-archive"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--max-rate", type=float, default=0.0)
    parser.add_argument("--nice", type=int, default=MOST)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--json", dest="as_json", action="store_true")
    found = vars(parser.parse_args(arguments))
    return Options(**{**found, "projections": tuple(found["projections"])})


class AuditOptions(NamedTuple):
    """The options of `murmur audit`."""

    projection: str
    repair: bool = False
    user: int | None = None  # this account is wrong: on files, repair only what names it
    sample: int = SAMPLE
    as_json: bool = False


def parsed_audit(arguments: Sequence[str]) -> AuditOptions:
    """Read the command line of an audit; ends the process with usage where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m streams audit")
    parser.add_argument("projection")
    parser.add_argument("--repair", action="store_true")
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--json", dest="as_json", action="store_true")
    found = parser.parse_args(arguments)
    return AuditOptions(found.projection, found.repair, None, found.sample, found.as_json)


def user_id(text: str) -> int:
    """Return the id of an account, written as a number or as the API writes it; raises TroubleError."""
    found = int(text) if text.isdigit() else from_uuid(text)
    if found is None:
        raise TroubleError(f"{text!r} is no account's id", "write it as the API does: a UUID, or as a number")
    return found


def processes_of(options: Options) -> int:
    """Return how many processes are to build: as many as asked for, or one a core that this process may use."""
    return options.processes or len(os.sched_getaffinity(0))
