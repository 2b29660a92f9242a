"""Finds commits that SQLite would pass over in silence because a frame before them in its write-ahead log is damaged.

Recovery after a crash takes frames up to the first whose checksum fails. That is how an unfinished write is dropped,
and how bytes that have rotted since would take every later commit along. The two can be told apart by what stands
behind the break: a commit is only begun when the one before it is synced, so a chain of frames that goes on behind
the break holds one commit at most if a crash made the break, and two or more if damage did.
Limit: damage to the very last commit looks like a write that the crash interrupted.
Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC_LITTLE_ENDIAN, _MAGIC_BIG_ENDIAN = 0x377F0682, 0x377F0683
_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page number, pages of the file after a commit (else 0), two salts, two checksums
_CHECKED_OF_FRAME = 8
_CHECKED_OF_HEADER = 24
_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))
_MASK = 0xFFFFFFFF
_COMMITS_OF_A_CRASH = 1

Sums = tuple[int, int]


class Break(NamedTuple):
    """Where a write-ahead log is damaged: frames count from 1, 0 is its header."""

    frame: int
    commits_behind: int


def damage(path: Path) -> Break | None:
    """Return where the write-ahead log of a database file hides commits from recovery, or None.

    Looks twice before it says so: a log that is being appended to while it is read may seem broken once.
    """
    found = _damage(path)
    return found if found is not None and found == _damage(path) else None


def _damage(path: Path) -> Break | None:
    try:
        content = path.with_name(f"{path.name}-wal").read_bytes()
    except FileNotFoundError:
        return None
    if len(content) < _HEADER.size + _FRAME.size:
        return None
    magic, _, page_size, _, *salts, sum_1, sum_2 = _HEADER.unpack_from(content)
    order = ">" if magic == _MAGIC_BIG_ENDIAN else "<"
    sound = magic in {_MAGIC_LITTLE_ENDIAN, _MAGIC_BIG_ENDIAN} and page_size in _PAGE_SIZES
    if not sound or _sums(content[:_CHECKED_OF_HEADER], (0, 0), order) != (sum_1, sum_2):
        commits = _commits_under_a_damaged_header(content, page_size)
        return Break(0, commits) if commits > _COMMITS_OF_A_CRASH else None
    return _first_break(_frames(content, page_size, tuple(salts)), (sum_1, sum_2), order)


class _Frame(NamedTuple):
    current: bool  # of this round of the log; else left of an earlier one, or its salts are damaged
    commits: bool
    sums: Sums
    checked: bytes


def _frames(content: bytes, page_size: int, salts: tuple[int, ...]) -> list[_Frame]:
    """Return the frames up to the last of this round."""
    step, found = _FRAME.size + page_size, []
    for at in range(_HEADER.size, len(content) - step + 1, step):
        _, pages, salt_1, salt_2, *sums = _FRAME.unpack_from(content, at)
        checked = content[at : at + _CHECKED_OF_FRAME] + content[at + _FRAME.size : at + step]
        found.append(_Frame((salt_1, salt_2) == salts, pages != 0, (sums[0], sums[1]), checked))
    while found and not found[-1].current:
        found.pop()
    return found


def _first_break(frames: list[_Frame], sums: Sums, order: str) -> Break | None:
    """Follow the chain of checksums; behind a break, a frame joins what the one before it says or should say."""
    broken_at, commits, before = 0, 0, [sums]
    for number, frame in enumerate(frames, start=1):
        computed = [_sums(frame.checked, sums, order) for sums in before]
        before = [frame.sums]
        if not frame.current or frame.sums not in computed:
            broken_at, commits, before = broken_at or number, 0, [frame.sums, computed[0]]
        commits += frame.commits
        if broken_at and commits > _COMMITS_OF_A_CRASH:
            return Break(broken_at, sum(frame.commits for frame in frames[broken_at - 1 :]))
    return None


def _commits_under_a_damaged_header(content: bytes, page_size: int) -> int:
    """Count the commits of the first frame's round; where the page size is damaged too, SQLite's default is taken."""
    size = page_size if page_size in _PAGE_SIZES else 4096
    _, _, *salts, _, _ = _FRAME.unpack_from(content, _HEADER.size)
    return sum(frame.commits for frame in _frames(content, size, tuple(salts)) if frame.current)


def _sums(checked: bytes, sums: Sums, order: str) -> Sums:
    words = struct.unpack(f"{order}{len(checked) // 4}I", checked)
    sum_1, sum_2 = sums
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum_1 = sum_1 + first + sum_2 & _MASK
        sum_2 = sum_2 + second + sum_1 & _MASK
    return sum_1, sum_2
