"""What the command line says when it cannot do something: what, why and the remedy, on one line, with exit code 2."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from infra.log.port import LogError
from infra.projections import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = 2  # exit code: something that the person at the keyboard can put right


class TroubleError(Exception):
    """Something that the person at the keyboard can put right; `remedy` says how."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy


CLIENTS = frozenset({"cassandra", "confluent_kafka", "elastic_transport", "greenlet", "hiredis", "redis"})


def trouble_of(error: Exception) -> TroubleError | None:
    """Return what a person can do about an error that has its own class elsewhere, if anything."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in CLIENTS:
        what = f"the clients of servers are not installed ({error.name})"
        return TroubleError(what, "install them: `make servers`, or pip install 'murmuration[cluster]'")
    return None


def refusing(name: str, main: Callable[[], int]) -> int:
    """Return the exit code of `main`; trouble is one line on standard error, and REFUSED.

    So is a store or a log that does not answer while a process starts; what can be done about it, its message says.
    """
    try:
        return main()
    except (TroubleError, StoreError, LogError, ModuleNotFoundError) as caught:
        error = trouble_of(caught) or caught
        if isinstance(error, ModuleNotFoundError):
            raise
        sys.stderr.write(f"{name}: {' '.join(str(error).split())}\n")
        return REFUSED
