"""Trends in files: what a use costs, and a board refreshed beside the bare query, before and after a flood of tags.

`python -m benchmarks trends`; MURMURATION_BENCH_TWEETS sets the size. A refresh is what the query process does every
five seconds for a place that somebody looks at; the first one in a quarter of an hour works out what is past. The bare
query is the same statements alone, with their bindings made before: the window's topics, the last hours of the best.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.delivery_latency import percentile
from benchmarks.row import Row
from benchmarks.trends_data import NOW_MS, flood, portions, talk, tweets_wanted
from infra.places import WORLD
from infra.settings import Settings
from infra.sqlite.connections import open_reader
from infra.sqlite.connections import rows as select
from infra.sqlite.id_sets import id_set
from projections.trends import projector
from projections.trends.read_model import HOUR_MS
from projections.trends.sqlite import POINTS, WINDOW, SqliteTrendsReader, SqliteTrendsStore
from query_api.bootstrap import boards
from query_api.trends import rules
from query_api.trends.board import KEPT_MS, SHOWN_HOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.trends_data import Portion
    from projections.trends.read_model import TrendsReader
    from query_api.trends.board import Board

TWEETS, TAGS = 300_000, 100_000
REFRESHES = 170  # five seconds apart: a quarter of an hour


class Refreshed(NamedTuple):
    """Milliseconds of the first refresh of a quarter, and of the others; and the board."""

    first: float
    others: list[float]
    board: Board


def fill(store: SqliteTrendsStore, chosen: Iterator[Portion]) -> float:
    """Apply all; return the CPU seconds of it, the events being there already."""
    spent = 0.0
    for span, events in chosen:
        began = time.process_time()
        store.apply(projector.project(events), span)
        spent += time.process_time() - began
    return spent


def refreshed(reader: TrendsReader, times: int = REFRESHES) -> Refreshed:
    """Make the board of the world again and again."""
    made, spent = boards(Settings()), []
    for number in range(times):
        began = time.perf_counter()
        board = made.of(reader, WORLD, NOW_MS - HOUR_MS // 4 + number * KEPT_MS)
        spent.append((time.perf_counter() - began) * 1e3)
    return Refreshed(spent[0], spent[1:], board)


def bare_ms(path: Path, topics: list[str]) -> list[float]:
    """Return what the statements alone take."""
    began_ms = rules.window_of(NOW_MS - 1)
    since_ms = began_ms - (SHOWN_HOURS - 1) * HOUR_MS
    wanted = (id_set(topics), WORLD, since_ms, began_ms + 1, since_ms, HOUR_MS)
    points = POINTS.format("hours")
    windows = (rules.FEW,) if len(topics) == rules.MOST else (rules.FEW, rules.CANDIDATES)

    def ask(connection: object) -> None:
        for most in windows:
            select(connection, WINDOW, (began_ms, WORLD, most))  # type: ignore[arg-type]  # apsw's
        select(connection, points, wanted)  # type: ignore[arg-type]

    with closing(open_reader(path)) as connection:
        return timed(lambda: ask(connection))


def timed(ask: Callable[[], object], times: int = REFRESHES) -> list[float]:
    """Return what each of many calls took."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - began) * 1e3)
    return spent


def rows() -> list[Row]:
    """Measure."""
    count, tags = tweets_wanted(TWEETS), tweets_wanted(TWEETS) * TAGS // TWEETS
    starts: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "g1.db"
        with closing(SqliteTrendsStore(path, "bench")) as store:
            each = fill(store, portions(talk(count), starts)) / count * 1e6
            with closing(SqliteTrendsReader(path)) as reader:
                quiet = refreshed(reader)
                bare = bare_ms(path, [trend.topic for trend in quiet.board.trends])
                size = path.stat().st_size
                flooding = fill(store, portions(flood(tags), starts)) / tags * 1e6
                flooded = refreshed(reader)
            grown = (path.stat().st_size - size) / tags
    same = [it.topic for it in flooded.board.trends] == [it.topic for it in quiet.board.trends]
    name = f"trends refreshed, {count:,} uses in 8 days (files)"
    beside = {"bare query": percentile(bare, 50), "first in a quarter": quiet.first}
    after = {"bare query": percentile(bare, 50), "same board, 1: yes": float(same), "bytes a tag": grown}
    return [
        Row("a use of a topic into trends (files)", each, "CPU µs", {"of a flood": flooding}, ""),
        Row(f"{name}, p50", percentile(quiet.others, 50), "ms", beside, "at most 2 x"),
        Row(f"{name}, p99", percentile(quiet.others, 99), "ms", {"bare query": percentile(bare, 99)}, ""),
        Row(f"trends refreshed after a flood of {tags:,} tags, p50", percentile(flooded.others, 50), "ms", after, ""),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
