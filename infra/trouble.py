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


def refusing(name: str, main: Callable[[], int]) -> int:
    """Return the exit code of `main`; trouble is one line on standard error, and REFUSED.

    So is a store or a log that does not answer while a process starts; what can be done about it, its message says.
    """
    try:
        return main()
    except (TroubleError, StoreError, LogError) as error:
        sys.stderr.write(f"{name}: {' '.join(str(error).split())}\n")
        return REFUSED
