"""The answers to a Higgs file, recomputed straight from its lines; shares no code with what it is compared with.

The rule stands in commands/imports/higgs.py. Everything here is the plainest form of it: lists, sets, a sort.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Entry(NamedTuple):
    """One tweet, reply or retweet, by the file's numbers.

    `place` orders all entries of the file, oldest first. `of` is the place of what is retweeted or replied to (else
    None), `of_author` its author; `mentions` whom an MT names.
    """

    place: int
    time: int
    kind: str
    author: int
    of: int | None = None
    of_author: int | None = None
    mentions: int | None = None


class NaiveHiggs:
    """Everything that a file leads to."""

    def __init__(self, rows: Iterable[tuple[int, int, int, str]]) -> None:
        self.accounts: set[int] = set()
        self.follows: set[tuple[int, int]] = set()
        self.follows_in_order: list[tuple[int, int]] = []
        self.entries: list[Entry] = []
        self.by_author: defaultdict[int, list[Entry]] = defaultdict(list)
        self.followees: defaultdict[int, set[int]] = defaultdict(set)
        tweets: defaultdict[int, list[Entry]] = defaultdict(list)
        retweeted: defaultdict[int, set[int]] = defaultdict(set)
        for a, b, time, kind in rows:
            self.accounts |= {a, b}
            if a != b and (a, b) not in self.follows:
                self.follows_in_order.append((a, b))
            if a != b:
                self.follows.add((a, b))
                self.followees[a].add(b)
            if kind == "MT":
                tweets[a].append(self._add(time, "TWEET", a, mentions=b))
                continue
            left = [tweet for tweet in tweets[b] if kind == "RE" or tweet.place not in retweeted[a]]
            if not left:
                left = [self._add(time, "TWEET", b)]
                tweets[b] += left
            if kind == "RE":
                tweets[a].append(self._add(time, "REPLY", a, left[-1]))
            else:
                retweeted[a].add(left[-1].place)
                self._add(time, "RETWEET", a, left[-1])

    @classmethod
    def read(cls, path: Path, limit: int | None = None) -> NaiveHiggs:
        """Read a file, packed or not; with a limit only its first rows."""
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            columns = (line.split() for line in islice(lines, limit))
            return cls([(int(a), int(b), int(time), kind) for a, b, time, kind in columns])

    def _add(self, time: int, kind: str, author: int, of: Entry | None = None, mentions: int | None = None) -> Entry:
        place = len(self.entries)
        entry = Entry(place, time, kind, author, of and of.place, of and of.author, mentions)
        self.entries.append(entry)
        self.by_author[author].append(entry)
        return entry

    def retweets(self) -> Counter[int]:
        """Return how often each tweet was retweeted, by its place."""
        return Counter(entry.of for entry in self.entries if entry.kind == "RETWEET" and entry.of is not None)

    def home(self, user: int, limit: int, before: int | None = None) -> list[Entry]:
        """Return the newest entries of a home timeline (below a place), a tweet and its retweets shown once."""
        followed = self.followees[user] | {user}
        found = [entry for author in followed for entry in self.by_author[author]]
        seen = [
            entry
            for entry in found
            if (before is None or entry.place < before) and (entry.kind != "REPLY" or entry.of_author in followed)
        ]
        page: list[Entry] = []
        shown: set[int] = set()
        for entry in sorted(seen, reverse=True):
            original = entry.of if entry.kind == "RETWEET" and entry.of is not None else entry.place
            if original not in shown:
                shown.add(original)
                page.append(entry)
        return page[:limit]
