"""Remembers where the log speaks of an entity, and compares an answer with what is expected."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from infra.log.port import Position
from streams.replay.findings import Finding, shown

if TYPE_CHECKING:
    from infra.log.port import TopicPartition

POSITIONS_KEPT = 20


class Said:
    """The positions of the records that speak of an entity, the first few of each."""

    def __init__(self) -> None:
        self._where: defaultdict[int, list[Position]] = defaultdict(list)

    def note(self, place: TopicPartition, offset: int, *ids: int) -> None:
        """Remember that a record speaks of these."""
        for it in ids:
            if len(where := self._where[it]) < POSITIONS_KEPT:
                where.append(Position(*place, offset))

    def difference(self, what: str, key: int, expected: Any, found: Any) -> Finding:
        """Return the finding that something is not as expected."""
        return Finding("recount", what, str(key), *_apart(expected, found), (key,), tuple(self._where.get(key, ())))


def _apart(expected: Any, found: Any) -> tuple[str, str]:
    """Return both for people; of two lists, from where they part, of two objects, the members that differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        expected, found = _members(expected, found)
    if isinstance(expected, list) and isinstance(found, list):
        at = next((at for at, both in enumerate(zip(expected, found, strict=False)) if both[0] != both[1]), None)
        at = min(len(expected), len(found)) if at is None else at
        shape = f"{len(expected)} entries, at {at}:", f"{len(found)} entries, at {at}:"
        return f"{shape[0]} {shown(_at(expected, at))}", f"{shape[1]} {shown(_at(found, at))}"
    return shown(expected), shown(found)


def _members(one: dict[str, Any], other: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return of both the members that are not alike, also of objects in them."""
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    for name in {**one, **other}:
        mine, theirs = one.get(name), other.get(name)
        if mine == theirs:
            continue
        if isinstance(mine, dict) and isinstance(theirs, dict):
            mine, theirs = _members(mine, theirs)
        left[name], right[name] = mine, theirs
    return left, right


def _at(values: list[Any], at: int) -> Any:
    return values[at] if at < len(values) else None
