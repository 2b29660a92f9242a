"""Trends on Cassandra: what a use costs, and a refresh of the board, before and after a flood of tags.

`python -m benchmarks.cluster_trends`; needs the extra `cluster`. One node, one copy. Beside a refresh stand its own
statements alone, many at once as it sends them: what the driver and the server take for the same rows.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.cluster_servers import started
from benchmarks.delivery_latency import percentile
from benchmarks.feed_data import surely_apply
from benchmarks.row import Row
from benchmarks.trends import refreshed, timed
from benchmarks.trends_data import flood, portions, talk, tweets_wanted
from infra.cql.migrate import migrate
from infra.cql.projection_tables import create
from infra.cql.session import CqlSession
from infra.projections import placed
from projections.trends import projector
from projections.trends.cql import CqlTrendsStore
from projections.trends.cql_reader import CqlTrendsReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.trends_data import Portion
    from infra.cql.calls import Batch, Call
    from infra.cql.session import Row as Found

TWEETS, TAGS = 20_000, 10_000
REFRESHES = 50


def fill(store: CqlTrendsStore, chosen: Iterator[Portion]) -> tuple[float, float]:
    """Apply all; return the seconds of CPU and of the clock."""
    project, cpu, wall = placed(projector.project), 0.0, 0.0
    for span, events in chosen:
        began, at = time.process_time(), time.perf_counter()
        surely_apply(store, project(events), span)
        cpu, wall = cpu + time.process_time() - began, wall + time.perf_counter() - at
    return cpu, wall


def sent_by(session: CqlSession, ask: Callable[[], object]) -> list[list[Call | Batch]]:
    """Return what is sent while something is asked."""
    sent: list[list[Call | Batch]] = []
    run_all = session.run_all

    def noted(calls: Iterable[Call | Batch]) -> list[list[Found]]:
        sent.append(list(calls))
        return run_all(sent[-1])

    session.run_all = noted  # type: ignore[method-assign]  # to hear what a refresh sends
    try:
        ask()
    finally:
        del session.run_all
    return sent


def measured(session: CqlSession, server_s: Callable[[], float]) -> list[Row]:
    """Measure, given tables that are there and empty, and how much CPU the server has spent."""
    count, tags = tweets_wanted(TWEETS), tweets_wanted(TWEETS) * TAGS // TWEETS
    starts: dict[int, int] = {}
    store, reader = CqlTrendsStore(session, "bench"), CqlTrendsReader(session)
    began = server_s()
    cpu, wall = fill(store, portions(talk(count), starts))
    each = {"in Cassandra": (server_s() - began) * 1e6 / count, "wall": wall * 1e6 / count}
    quiet = refreshed(reader, REFRESHES)
    first = sent_by(session, lambda: refreshed(reader, 1))
    others = sent_by(session, lambda: refreshed(reader, 2))[len(first) :]
    bare = timed(lambda: [session.run_all(calls) for calls in others], REFRESHES)
    flooding, _ = fill(store, portions(flood(tags), starts))
    flooded = refreshed(reader, REFRESHES)
    same = [it.topic for it in flooded.board.trends] == [it.topic for it in quiet.board.trends]
    name = f"trends refreshed, {count:,} uses in 8 days (Cassandra), p50"
    beside = {"same statements": percentile(bare, 50), "first in a quarter": quiet.first}
    return [
        Row("a use of a topic into trends (Cassandra)", cpu * 1e6 / count, "CPU µs", each, ""),
        Row(name, percentile(quiet.others, 50), "ms", beside, "at most 2 x"),
        Row(
            f"trends refreshed after a flood of {tags:,} tags (Cassandra), p50",
            percentile(flooded.others, 50),
            "ms",
            {"same board, 1: yes": float(same), "CPU µs a tag": flooding * 1e6 / tags},
            "",
        ),
    ]


def rows() -> list[Row]:
    """Measure."""
    with started("cassandra") as servers:
        with closing(CqlSession(servers.settings, keyspace="")) as admin:
            migrate(admin, servers.settings)
        with closing(CqlSession(servers.settings)) as session:
            create(session, CqlTrendsStore)
            return measured(session, lambda: servers.cpu_s("cassandra"))


if __name__ == "__main__":
    for row in rows():
        print(row)
