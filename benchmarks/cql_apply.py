"""CPU microseconds per event that each projection takes to decide and store on Cassandra.

In batches of 1,000 as an agent gets them, decoding excluded: `python -m benchmarks.cql_apply`. Beside it, in the same
run: what Cassandra spends (one node, one copy), wall time, and the same batches into SQLite. Needs the extra `cluster`.
"""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.cluster_servers import started
from benchmarks.feed_data import surely_apply
from benchmarks.projection_apply import Size, apply, batches, history
from benchmarks.row import Row
from infra.cql.migrate import migrate
from infra.cql.projection_tables import create
from infra.cql.session import CqlSession
from infra.projections import placed
from streams.projections import PROJECTIONS
from streams.server_stores import CQL_STORES

if TYPE_CHECKING:
    from benchmarks.cluster_servers import Servers
    from benchmarks.projection_apply import Batches
    from streams.parts import Projection

SIZE = Size(users=1_500, follows=6_000, tweets=6_000, likes=6_000)
WARM = Size(users=500, follows=1_000, tweets=1_000, likes=1_000)


class Spent(NamedTuple):
    """Seconds for all batches."""

    client: float
    server: float
    wall: float


def on_servers(projection: Projection, servers: Servers, session: CqlSession, chosen: Batches) -> Spent:
    """Decide and store every batch in a generation of its own."""
    store_type = CQL_STORES[projection.name]
    generation = random.SystemRandom().randrange(2, 1 << 30)
    create(session, store_type, generation)
    project = placed(projection.project)
    with closing(store_type(session, "bench", generation)) as store:
        began, server, wall = time.process_time(), servers.cpu_s("cassandra"), time.perf_counter()
        for span, events in chosen:
            surely_apply(store, project(events), span)
        return Spent(time.process_time() - began, servers.cpu_s("cassandra") - server, time.perf_counter() - wall)


def rows() -> list[Row]:
    """Measure the projections that are kept in rows."""
    rng = random.Random(1)
    warm, events = list(history(rng, WARM)), list(history(rng, SIZE))
    measured = []
    with started("cassandra") as servers, tempfile.TemporaryDirectory() as folder:
        with closing(CqlSession(servers.settings, keyspace="")) as admin:
            migrate(admin, servers.settings)
        with closing(CqlSession(servers.settings)) as session:
            for projection in (it for it in PROJECTIONS if it.name in CQL_STORES):
                chosen = batches(events, projection.topics)
                each = 1e6 / sum(len(batch) for _, batch in chosen)
                on_servers(projection, servers, session, batches(warm, projection.topics))
                spent = on_servers(projection, servers, session, chosen)
                files = apply(projection, Path(folder) / f"{projection.name}.db", chosen)
                beside = {
                    "in Cassandra": spent.server * each,
                    "wall": spent.wall * each,
                    "into SQLite": files.cpu * each,
                }
                name = f"apply on Cassandra, {projection.name}"
                measured.append(Row(name, spent.client * each, "CPU µs/event", beside, ""))
    return measured


if __name__ == "__main__":
    for row in rows():
        print(row)
