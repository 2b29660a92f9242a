"""Follow graphs for the fan-out benchmark, and a Redis in which everybody has the timeline of a steady state.

What is set up is what the scripts would have written (projections/home_timeline/redis_layout.py), within seconds.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from projections.home_timeline.redis_layout import packed
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.home_timeline.redis_layout import Layout

EPINIONS = (
    Path(os.environ.get("MURMURATION_DATA", Path(__file__).parents[2] / "shared" / "data")) / "soc-Epinions1.txt.gz"
)
CAP, SLACK = 800, 128
READERS_AT_ONCE = 50
KEYS_AT_ONCE = 5_000
REWRITTEN_SECONDS = 30.0  # an empty one
WRITTEN_SECONDS = 300.0

FILL = """
local entries = {}
for at = 1, 928 do entries[at] = struct.pack('>I4I4I4I4', at, at, 1, at) end
for at = 1, #ARGV[2], 8 do
  local reader = string.sub(ARGV[2], at, at + 7)
  local length = 800 + string.byte(reader, 6) % 128
  redis.call('RPUSH', ARGV[1] .. reader, unpack(entries, 1, length))
end
"""


class Graph(NamedTuple):
    """Authors' readers, themselves among them: those of author n stand from `starts[n]` to `starts[n + 1]`."""

    starts: Any
    readers: Any

    @property
    def users(self) -> int:
        """The number of users."""
        return len(self.starts) - 1

    def audience(self, author: int) -> Any:
        """Return the readers of an author."""
        return self.readers[self.starts[author] : self.starts[author + 1]]


def user(number: int) -> int:
    """Return a user id."""
    return (number + 1) << 16


def _graph(authors: Any, readers: Any, users: int) -> Graph:
    everybody = np.arange(users)
    edges = np.unique(np.concatenate([authors * users + readers, everybody * users + everybody]))
    return Graph(np.searchsorted(edges // users, np.arange(users + 1)), edges % users)


def power_law(users: int, follows: int) -> Graph:
    """Return a graph in which everybody follows so many, authors being chosen by a Pareto law."""
    rng = np.random.default_rng(1)
    weights = rng.pareto(1.2, users) + 0.05
    authors = rng.choice(users, size=users * follows, p=weights / weights.sum())
    return _graph(authors, np.repeat(np.arange(users), follows), users)


def epinions() -> Graph:
    """Return who trusts whom: 75,879 people, 508,837 follows."""
    with gzip.open(EPINIONS, "rt") as lines:
        edges = np.array([line.split() for line in lines if not line.startswith("#")], dtype=np.int64)
    return _graph(edges[:, 1], edges[:, 0], int(edges.max()) + 1)


def set_up(client: Any, graph: Graph, layout: Layout) -> None:
    """Write the audiences, whole and by shard, and full timelines, into an empty Redis, and into its append-only file.

    NOTE: the file is begun anew before, not after. A fork leaves all memory write-protected, and who writes to a page
    first pays for it, 0.3 times a delivery: that would be what is measured first, and none of the others.
    """
    client.config_set("auto-aof-rewrite-percentage", 0)
    client.bgrewriteaof()
    until(lambda: not _is_rewriting(client), REWRITTEN_SECONDS)
    shards = np.array([layout.shard(user(number)) for number in range(graph.users)])
    pipeline = client.pipeline(transaction=False)
    for number, (key, readers) in enumerate(_audiences(graph, layout, shards)):
        pipeline.set(key, _ids(readers))
        if number % KEYS_AT_ONCE == 0:
            pipeline.execute()
    pipeline.execute()
    fill = client.script_load(FILL)
    for shard in range(layout.shards):
        readers = np.nonzero(shards == shard)[0]
        for first in range(0, len(readers), READERS_AT_ONCE):
            some = _ids(readers[first : first + READERS_AT_ONCE])
            client.evalsha(fill, 0, layout.of_shard("home", shard), some)
    until(lambda: not client.info("persistence")["aof_pending_bio_fsync"], WRITTEN_SECONDS)


def _is_rewriting(client: Any) -> bool:
    persistence = client.info("persistence")
    return any(persistence[f"aof_rewrite_{state}"] for state in ("in_progress", "scheduled"))


def rename_timelines(client: Any, graph: Graph, layout: Layout) -> None:
    """Give the timelines the names that the bare script knows."""
    pipeline = client.pipeline(transaction=False)
    for number in range(graph.users):
        pipeline.rename(layout.of_user("home", user(number)), b"bare:" + packed(user(number)))
        if number % KEYS_AT_ONCE == 0:
            pipeline.execute()
    pipeline.execute()


def _audiences(graph: Graph, layout: Layout, shards: Any) -> Iterator[tuple[bytes, Any]]:
    for author in range(graph.users):
        readers = graph.audience(author)
        yield b"members:" + packed(user(author)), readers
        of = shards[readers]
        for shard in np.unique(of):
            yield layout.of_shard("audience", int(shard)) + packed(user(author)), readers[of == shard]


def _ids(numbers: Any) -> bytes:
    ids: bytes = ((numbers.astype(np.uint64) + 1) << np.uint64(16)).astype(">u8").tobytes()
    return ids
