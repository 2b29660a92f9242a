"""Reads the files that can be imported into compact arrays; every line is checked before the first event is made.

Accounts get an index in order of their first appearance; all else refers to that index.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commands.imports.errors import ImportFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RETWEET, MENTION, REPLY = range(3)
KINDS = {b"RT": RETWEET, b"MT": MENTION, b"RE": REPLY}
HIGGS_COLUMNS = 4
EDGE_COLUMNS = 2
MAX_ID_DIGITS = 18  # any 63-bit number that a file may hold
FIRST_TIME, LAST_TIME = 1_000_000_000, 4_000_000_000  # unix seconds, 2001 … 2096: outside, the column is no time
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(slots=True)
class Accounts:
    """The accounts of a file: `numbers[index]` is the number that the file gives to the account."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    _indices: dict[int, int] = field(default_factory=dict)

    def index(self, number: int) -> int:
        """Return the account's index, a new one where it has not been seen."""
        index = self._indices.setdefault(number, len(self.numbers))
        if index == len(self.numbers):
            self.numbers.append(number)
        return index


@dataclass(slots=True)
class Interactions:
    """Rows of a Higgs file, one entry a row in each array: who, towards whom, when (unix seconds), what."""

    accounts: Accounts = field(default_factory=Accounts)
    actors: array[int] = field(default_factory=lambda: array("I"))
    targets: array[int] = field(default_factory=lambda: array("I"))
    times: array[int] = field(default_factory=lambda: array("q"))
    kinds: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Graph:
    """A follow graph: `followers[i]` follows `followees[i]`."""

    accounts: Accounts = field(default_factory=Accounts)
    followers: array[int] = field(default_factory=lambda: array("I"))
    followees: array[int] = field(default_factory=lambda: array("I"))

    def add(self, follower: int, followee: int) -> None:
        """Add an edge between two of the file's numbers."""
        self.followers.append(self.accounts.index(follower))
        self.followees.append(self.accounts.index(followee))


def content_of(path: Path) -> bytes:
    """Return what a file holds, unpacked where it is packed by gzip."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFileError(f"{path}: {error}") from error


def digest_of(content: bytes) -> str:
    """Return what names a file by what it holds, packed or not."""
    return hashlib.sha256(content).hexdigest()[:32]


def read_higgs(content: bytes, limit: int | None) -> Interactions:
    """Read lines `userA userB unixtime RT|MT|RE`, sorted by time; with a limit only the first rows."""
    rows, last = Interactions(), 0
    for number, columns in _lines(content, HIGGS_COLUMNS, limit):
        actor, target, at, kind = columns
        time, code = _number(at, number), KINDS.get(kind)
        if code is None:
            raise ImportFileError(f"line {number}: {_shown(kind)} is none of RT, MT, RE")
        if not FIRST_TIME <= time <= LAST_TIME:
            raise ImportFileError(f"line {number}: {time} is no unix time in seconds")
        if time < last:
            raise ImportFileError(f"line {number}: its time {time} is before the line above; sort the file by time")
        last = time
        rows.actors.append(rows.accounts.index(_number(actor, number)))
        rows.targets.append(rows.accounts.index(_number(target, number)))
        rows.times.append(time)
        rows.kinds.append(code)
    return rows


def read_epinions(content: bytes, limit: int | None) -> Graph:
    """Read lines `A B`: A trusts, so follows, B."""
    graph = Graph()
    for number, (follower, followee) in _lines(content, EDGE_COLUMNS, limit):
        graph.add(_number(follower, number), _number(followee, number))
    return graph


def read_follows(content: bytes, limit: int | None) -> Graph:
    """Read JSON with a member `edges`: [[a, b], …], a follows b; other members are passed by."""
    graph = Graph()
    try:
        edges: Any = json.loads(content)["edges"]
    except (ValueError, KeyError, TypeError) as error:
        raise ImportFileError(f"the file is no JSON object with a member `edges`: {error}") from error
    if not isinstance(edges, list):
        raise ImportFileError("the member `edges` is no list of edges")
    for number, edge in enumerate(edges[:limit], 1):
        if not (isinstance(edge, list) and len(edge) == EDGE_COLUMNS and all(map(_is_number, edge))):
            raise ImportFileError(f"edge {number}: {json.dumps(edge)[:60]} is no pair of account numbers")
        graph.add(*edge)
    return graph


def _lines(content: bytes, columns: int, limit: int | None) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the number and the columns of each line that is neither blank nor a comment."""
    given = 0
    for number, line in enumerate(content.splitlines(), 1):
        parts = line.split()
        if not parts or parts[0].startswith(b"#"):
            continue
        if given == limit:
            return
        given += 1
        if len(parts) != columns:
            raise ImportFileError(f"line {number}: {len(parts)} columns, {columns} expected: {_shown(line)}")
        yield number, parts


def _number(column: bytes, line: int) -> int:
    if not column.isdigit() or len(column) > MAX_ID_DIGITS:
        raise ImportFileError(f"line {line}: {_shown(column)} is no number")
    return int(column)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < 10**MAX_ID_DIGITS


def _shown(column: bytes) -> str:
    return repr(column[:60].decode("utf-8", "replace"))
