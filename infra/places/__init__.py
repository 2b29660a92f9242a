"""Places that trends are told apart by: the world, countries and some large cities, by their woeid.

What an account says of where it is, is free text: `place_of` finds the place in it, offline, or says the world. The
table is places.tsv: woeid, the one that it is part of, ISO code of the country, name, other names.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

WORLD = 1
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_SEPARATOR = re.compile(r"[,/|;·•&\n()]+| - | and ")
_STATES = frozenset(
    """al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or
    pa ri sc sd tn tx ut vt va wa wv wi wy""".split()  # noqa: SIM905 - fifty of them
)
"""After a city's name two letters are a state: Austin, TX. Alone they are not: CA is Canada's code, too."""


class Place(NamedTuple):
    """A place, and the larger one that it is part of (0: of none)."""

    woeid: int
    parent: int
    country: str
    name: str


class _Table(NamedTuple):
    places: Mapping[int, Place]
    by_name: Mapping[str, Place]
    by_code: Mapping[str, Place]


def places() -> Mapping[int, Place]:
    """Return all places by woeid, larger ones first."""
    return _table().places


@lru_cache(4096)  # whoever counts by place asks for it for each use
def lineage(woeid: int) -> tuple[int, ...]:
    """Return a place and all that it is part of, the world last; of one that is not known: the world."""
    known = _table().places
    found = []
    while woeid in known:
        found.append(woeid)
        woeid = known[woeid].parent
    return tuple(found) or (WORLD,)


def parts(woeid: int) -> tuple[int, ...]:
    """Return a place and all that is part of it; of one that is not known: itself."""
    return (woeid, *(each for each in _table().places if each != woeid and woeid in lineage(each)))


def place_of(location: str) -> int:
    """Return the woeid of the place in a text; the world where none is found, or two that exclude each other."""
    table = _table()
    flags = [table.by_code.get(_code(flag)) for flag in _FLAG.findall(location)]
    parts = [_folded(part) for part in _SEPARATOR.split(_FLAG.sub(" ", location))]
    named = [table.by_name.get(part) or table.by_code.get(part.upper()) for part in parts[:1]]
    named += [table.by_name.get(part) or _state_or_country(part, table) for part in parts[1:]]
    found = [place for place in (*named, *flags) if place is not None and place.woeid != WORLD]
    countries = {place.country for place in found}
    if len(countries) != 1:
        return WORLD
    cities = {place.woeid for place in found if place.parent != WORLD}
    return cities.pop() if len(cities) == 1 else table.by_code[countries.pop()].woeid


def _state_or_country(part: str, table: _Table) -> Place | None:
    return table.by_code["US"] if part in _STATES else table.by_code.get(part.upper())


@cache
def _table() -> _Table:
    lines = (resources.files(__name__) / "places.tsv").read_text("utf-8").splitlines()[1:]
    known: dict[int, Place] = {}
    by_name: dict[str, Place] = {}
    for line in lines:
        woeid, parent, country, name, others = line.split("\t")
        place = known[int(woeid)] = Place(int(woeid), int(parent), country, name)
        for each in (name, *filter(None, others.split(","))):
            by_name.setdefault(_folded(each), place)
    return _Table(known, by_name, {place.country: place for place in known.values() if place.parent == WORLD})


def _code(flag: str) -> str:
    return "".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in flag)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
