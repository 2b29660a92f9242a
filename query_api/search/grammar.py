"""Reads what was typed into the search box: a tree with names not looked up yet, or where it goes wrong.

query     = { [ "-" ] atom } , at most MAX_ATOMS of them, all of which must hold
atom      = word | '"' words '"' | "#" tag | "@" name | "from:" name | "to:" name | "since:" date | "until:" date
          | "has:media" | "min_likes:" number

Dates are days (2016-07-01, UTC) or RFC 3339 times; `until` excludes its moment. Only what says what a tweet is can be
refused by "-": not since, until and min_likes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from projections.search.read_model import HasMedia, Phrase, Tagged
from projections.search.words import tag, words
from schemas.ids import MAX_ID, first_id_at

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_QUERY_CHARS: Final = 500
MAX_ATOMS: Final = 24
MAX_MIN_LIKES: Final = 1_000_000_000

_PIECE: Final = re.compile(r'\s*(?P<minus>-?)(?P<body>"[^"]*(?P<close>"?)|[^\s"]+)')
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,50}")
_TAG: Final = re.compile(r"(?:\w|[^\x00-\x7f])+")


class InvalidQueryError(Exception):
    """The query cannot be understood; `position` is that of the character, from 0, where it goes wrong."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason}, at character {position}")
        self.position = position


class Named(NamedTuple):
    """An account by its lower-cased name: `from`, `to` or `@`."""

    relation: str
    name: str


Atom = Phrase | Tagged | HasMedia | Named


class Parsed(NamedTuple):
    """What was asked for."""

    required: tuple[Atom, ...]
    excluded: tuple[Atom, ...]
    since_id: int
    until_id: int
    min_likes: int

    @property
    def names_author(self) -> bool:
        """Whether it asks for what one account wrote."""
        return any(isinstance(atom, Named) and atom.relation == "from" for atom in self.required)


def parse(text: str) -> Parsed:
    """Return the tree of a query; raises InvalidQueryError."""
    if len(text) > MAX_QUERY_CHARS:
        raise InvalidQueryError(f"a query has at most {MAX_QUERY_CHARS} characters", MAX_QUERY_CHARS)
    reading = _Reading()
    at, end = 0, len(text.rstrip())
    while at < end:
        piece = _PIECE.match(text, at)
        if piece is None:  # a lone quote after a minus cannot be; whatever else is here is no piece
            raise InvalidQueryError("nothing can be searched for here", at)
        reading.take(piece)
        at = piece.end()
    return reading.parsed()


class _Reading:
    def __init__(self) -> None:
        self._required: list[Atom] = []
        self._excluded: list[Atom] = []
        self._since = 0
        self._until = MAX_ID
        self._min_likes = 0
        self._atoms = 0

    def take(self, piece: re.Match[str]) -> None:
        body, at = piece["body"], piece.start("body")
        self._atoms += 1
        if self._atoms > MAX_ATOMS:
            raise InvalidQueryError(f"a query has at most {MAX_ATOMS} parts", at)
        if body.startswith('"') and (not piece["close"] or len(body) == 1):
            raise InvalidQueryError("the quotation has no end", at)
        operator, colon, value = body.partition(":")
        read = _LIMITS.get(operator.lower()) if colon else None
        if read is None:
            (self._excluded if piece["minus"] else self._required).append(_atom(body, at))
            return
        if piece["minus"]:
            raise InvalidQueryError(f"{operator} cannot be refused", at)
        read(self, value, at + len(operator) + 1)

    def since(self, value: str, at: int) -> None:
        self._since = max(self._since, first_id_at(_moment(value, at)))

    def until(self, value: str, at: int) -> None:
        self._until = min(self._until, first_id_at(_moment(value, at)))

    def min_likes(self, value: str, at: int) -> None:
        if not (value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_MIN_LIKES))):
            raise InvalidQueryError("min_likes takes a whole number", at)
        self._min_likes = max(self._min_likes, min(int(value), MAX_MIN_LIKES))

    def parsed(self) -> Parsed:
        if not self._atoms:
            raise InvalidQueryError("the query is empty", 0)
        return Parsed(tuple(self._required), tuple(self._excluded), self._since, self._until, self._min_likes)


_LIMITS: Final[dict[str, Callable[[_Reading, str, int], None]]] = {
    "since": _Reading.since,
    "until": _Reading.until,
    "min_likes": _Reading.min_likes,
}


def _atom(body: str, at: int) -> Atom:
    if body.startswith('"'):
        return _phrase(body[1:-1], at)
    operator, colon, value = body.partition(":")
    match operator.lower() if colon else "":
        case "from" | "to" as relation:
            return Named(relation, _name(value.removeprefix("@"), at + len(operator) + 1))
        case "has":
            if value.lower() != "media":
                raise InvalidQueryError("has: takes media", at + len(operator) + 1)
            return HasMedia()
        case _:
            return _sign(body, at)


def _sign(body: str, at: int) -> Atom:
    if body[0] == "@" and _NAME.fullmatch(body[1:]):
        return Named("@", body[1:].lower())
    if body[0] in "#\uff03":
        found = tag(body[1:]) if _TAG.fullmatch(body[1:]) else ""
        if not found:
            raise InvalidQueryError("a hashtag is made of letters, digits and _", at + 1)
        return Tagged(found)
    return _phrase(body, at)


def _phrase(text: str, at: int) -> Phrase:
    found = tuple(words(text))
    if not found:
        raise InvalidQueryError("there is no word here", at)
    return Phrase(found)


def _name(value: str, at: int) -> str:
    if not _NAME.fullmatch(value):
        raise InvalidQueryError("a user name is 1 to 50 letters, digits and _", at)
    return value.lower()


def _moment(value: str, at: int) -> int:
    """Return unix milliseconds."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return max(0, int(moment.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise InvalidQueryError("a date is 2016-07-01 or 2016-07-01T12:00:00Z", at) from error
