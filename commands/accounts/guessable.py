"""Refuses passwords that are guessed first: the 5,000 most used ones of at least 8 characters, and names.

The list is of the `passwords` that zxcvbn counts (MIT licence, Dropbox), in lower case; case does not help.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from commands.errors import CommandRefusedError

SERVICE = "murmuration"
LEFT_CHARS = 4  # of a password, without the names in it
SHORTEST_NAME = 3


def check_not_guessable(password: str, username: str, param: str) -> None:
    """Refuse what everybody guesses, and the name of the account or of the service with little added."""
    lowered = password.lower()
    if lowered in _guessed():
        raise CommandRefusedError("password_invalid", "This password is among those that are guessed first.", param)
    rest = lowered
    for name in (username.lower(), SERVICE):
        if len(name) >= SHORTEST_NAME:
            rest = rest.replace(name, "")
    if len(rest) < LEFT_CHARS:
        raise CommandRefusedError("password_invalid", "This password is little more than a name.", param)


@lru_cache(maxsize=1)
def _guessed() -> frozenset[str]:
    return frozenset((files("commands.accounts") / "guessed.tsv").read_text().split())
