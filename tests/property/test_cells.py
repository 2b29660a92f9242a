"""The theory of infra.cql.cells, against workers that die anywhere, come back as ghosts, and replicas that forget.

The store of this test is as bad as one may be that acknowledges by quorum: of three replicas an acknowledged write is
on any two, one that was not acknowledged on any or none, nothing is ever repaired, and a read asks any two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.cql.cells import Cell, Counted, Row, Said, Segments, play, settle, tally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SOURCES = 2
SEGMENT_ROWS = 2
REPLICAS = 3

Log = list[list[Said]]
Key = tuple[str, Any]


class Stored(NamedTuple):
    timestamp: int
    value: Any


class Replicas:
    """Last write wins, by timestamp; who writes something else at the same timestamp is caught."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._tables: list[dict[Key, Stored]] = [{} for _ in range(REPLICAS)]
        self.ever: dict[tuple[Key, int], Any] = {}

    def write(self, key: Key, stored: Stored, *, acknowledged: bool) -> None:
        assert self.ever.setdefault((key, stored.timestamp), stored.value) == stored.value
        least = 2 if acknowledged else 0
        for table in self._rng.sample(self._tables, self._rng.randint(least, REPLICAS)):
            table[key] = max(table.get(key, stored), stored, key=lambda it: it.timestamp)

    def read(self, key: Key) -> Stored | None:
        return self._newest(key, self._rng.sample(self._tables, 2))

    def settled(self, key: Key) -> Any:
        """What everybody reads, whichever two are asked."""
        (found,) = {self._newest(key, pair) for pair in combinations(self._tables, 2)}
        return found and found.value

    def _newest(self, key: Key, tables: Sequence[dict[Key, Stored]]) -> Stored | None:
        return max((table[key] for table in tables if key in table), key=lambda it: it.timestamp, default=None)

    def keys(self, kind: str) -> set[Key]:
        return {key for table in self._tables for key in table if key[0] == kind}


Work = Generator[None, bool, None]
"""Goes on to its next write each time, and is told whether that will be acknowledged."""


class Worker:
    """Applies spans as the stores do: a follow is a row, counts for its target, and stands in the target's list."""

    def __init__(self, store: Replicas, log: Log, *, for_good: bool) -> None:
        self.store = store
        self.log = log
        self.for_good = for_good

    def apply(self, source: int, start: int, end: int) -> Work:
        store, said = self.store, self.log[source][start:end]
        rows = {one.key: Row(*found.value) for one in said if (found := store.read(("row", one.key)))}
        yield  # others write between the reading of rows and that of cells
        turns, rows_to_write = play(said, rows, for_good=self.for_good)
        targets = {turn.key[1] for turn in turns}
        cells = {target: Cell(*found) for target in targets if (found := self._get("cell", target, source))}
        lists = {target: Segments(*found) for target in targets if (found := self._get("list", target, source))}
        cut = settle(((turn.offset, turn.key[1]) for turn in turns if turn.by > 0), lists, SEGMENT_ROWS)
        for target, cell in tally((Counted(turn.offset, turn.key[1], turn.by) for turn in turns), cells).items():
            yield from self._put(("cell", (target, source)), cell.upto, cell)
        for target, segments in cut.items():
            yield from self._put(("list", (target, source)), segments.upto, segments)
        for turn in turns:
            segments = cut.get(turn.key[1]) or lists[turn.key[1]]
            copy = ("copy", (turn.key[1], source, segments.of(turn.since), turn.since, turn.key[0]))
            yield from self._put(copy, turn.offset + 1, turn.by > 0)
        for key, row in rows_to_write.items():
            yield from self._put(("row", key), row.upto, row)
        yield from self._put(("checkpoint", source), end, end)

    def _get(self, kind: str, target: int, source: int) -> Any:
        found = self.store.read((kind, (target, source)))
        return found and found.value

    def _put(self, key: Key, timestamp: int, value: Any) -> Work:
        acknowledged = yield
        self.store.write(key, Stored(timestamp, value), acknowledged=acknowledged)
        if not acknowledged:
            raise StopWorkError


class StopWorkError(Exception):
    """The worker heard no acknowledgement."""


class Truth:
    """What the log says up to an offset of a source, by nothing but counting."""

    def __init__(self, said: list[Said], *, for_good: bool) -> None:
        self.rows: dict[Any, tuple[Any, int]] = {}
        self.counts: Counter[int] = Counter()
        gone: set[Any] = set()
        for offset, key, value in said:
            if value is None:
                if self.rows.pop(key, None):
                    self.counts[key[1]] -= 1
                if for_good:
                    gone.add(key)
            elif key not in self.rows and key not in gone:
                self.rows[key] = (value, offset)
                self.counts[key[1]] += 1


def records(source: int) -> st.SearchStrategy[list[tuple[tuple[int, int], bool]]]:
    users = st.integers(0, 3).map(lambda user: user * SOURCES + source)
    return st.lists(st.tuples(st.tuples(users, st.integers(0, 1)), st.booleans()), max_size=25)


def log_of(drawn: tuple[list[tuple[tuple[int, int], bool]], ...]) -> Log:
    return [
        [Said(offset, key, f"since {offset}" if on else None) for offset, (key, on) in enumerate(partition)]
        for partition in drawn
    ]


logs = st.tuples(*(records(source) for source in range(SOURCES))).map(log_of)
a_theory = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def begin(worker: Worker, source: int, records: int) -> Work | None:
    """Begin a span at what is read as the checkpoint of a source; return None where it has no more records."""
    found = worker.store.read(("checkpoint", source))
    start = found.value if found else 0
    if start == len(worker.log[source]):
        return None
    work = worker.apply(source, start, min(start + records, len(worker.log[source])))
    next(work)
    return work


def quarrel(worker: Worker, rng: Random, steps: int) -> None:
    """Let workers that know nothing of one another take turns, write by write; any of them may be left behind."""
    at_work: list[Work] = []
    for _ in range(steps):
        if not at_work or rng.random() < 0.1:
            if work := begin(worker, rng.randrange(SOURCES), rng.randint(1, 6)):
                at_work.append(work)
            continue
        work = rng.choice(at_work)
        try:
            for _ in range(rng.choice((1, 3, 12))):
                work.send(rng.random() < 0.9)
        except (StopIteration, StopWorkError):
            at_work.remove(work)


def finish(worker: Worker, rng: Random) -> None:
    """Apply the rest, undisturbed."""
    for source in range(SOURCES):
        while work := begin(worker, source, rng.randint(1, 9)):
            try:
                while True:
                    work.send(True)
            except StopIteration:
                pass


def check_all_is_true(store: Replicas, log: Log, *, for_good: bool) -> None:
    """Hold every row and cell that was ever written to what the log says up to there."""
    for ((kind, key), upto), value in store.ever.items():
        if kind == "cell":
            assert value.n == Truth(log[key[1]][:upto], for_good=for_good).counts[key[0]]
        elif kind == "row":
            truth = Truth(log[key[0] % SOURCES][:upto], for_good=for_good).rows.get(key)
            assert value.stands == (truth is not None)
            assert truth is None or (value.value, value.upto - 1) == truth


def check_counts_and_lists(store: Replicas, log: Log, *, for_good: bool) -> None:
    """Hold what a reader sees in the end to the log."""
    whole = [Truth(said, for_good=for_good) for said in log]
    for target in (0, 1):
        cells = [store.settled(("cell", (target, source))) for source in range(SOURCES)]
        assert sum(cell.n for cell in cells if cell) == sum(truth.counts[target] for truth in whole)
    rows = {key: row for _, key in store.keys("row") if (row := store.settled(("row", key))) and row.stands}
    assert {key: (row.value, row.upto - 1) for key, row in rows.items()} == {
        key: row for truth in whole for key, row in truth.rows.items()
    }
    found = {key: store.settled(("copy", key)) for _, key in store.keys("copy")}
    standing = [key for key, stands in found.items() if stands]
    assert sorted((target, source, user, since) for target, source, _, since, user in standing) == sorted(
        (target, source, user, since)
        for source, truth in enumerate(whole)
        for (user, target), (_, since) in truth.rows.items()
    )
    segments = Counter(key[:3] for key in found)
    assert all(rows <= SEGMENT_ROWS for rows in segments.values())
    for target, source, segment in segments:
        assert segment <= len(store.settled(("list", (target, source))).starts)  # so a reader finds every row


@a_theory
@given(log=logs, rng=st.randoms(use_true_random=False), steps=st.integers(0, 60), for_good=st.booleans())
def test_counts_are_exact_whoever_dies_and_whoever_comes_back(
    log: Log, rng: Random, steps: int, for_good: bool
) -> None:
    store = Replicas(rng)
    worker = Worker(store, log, for_good=for_good)
    quarrel(worker, rng, steps)
    finish(worker, rng)
    check_all_is_true(store, log, for_good=for_good)
    check_counts_and_lists(store, log, for_good=for_good)
