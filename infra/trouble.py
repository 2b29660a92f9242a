"""What the command line says when it cannot do something: what, why and the remedy, on one line, with exit code 2."""

from __future__ import annotations


class TroubleError(Exception):
    """Something that the person at the keyboard can put right; `remedy` says how."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy
