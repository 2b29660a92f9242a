"""Commits of the journal on servers, per CPU-second of the client: plain, with a key, with claims, with free names.

Run: python -m benchmarks.journal_commits (the settings name the servers; keyspace and topics of its own)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from infra.journal.port import Claim, Commit, IdempotencyKey
from infra.settings import Settings
from tests.builders import posted
from tests.cluster.journal_world import ClusterWorld, own_keyspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.journal.port import Journal

COMMITS = 2000
AT_ONCE = 32

KINDS: dict[str, Callable[[int], Commit]] = {
    "plain": lambda n: Commit((posted(n, n),), (), (), 201, b"{}", None),
    "Idempotency-Key": lambda n: Commit((posted(n, n),), (), (), 201, b"{}", IdempotencyKey(n, f"{n}", b"")),
    "two names free (follow)": lambda n: Commit((posted(n, n),), (), (), 201, b"{}", None, (f"a{n}", f"b{n}")),
    "a claim (retweet)": lambda n: Commit((posted(n, n),), (Claim(f"c{n}", n),), (), 201, b"{}", None),
    "a claim and a key": lambda n: Commit(
        (posted(n, n),), (Claim(f"d{n}", n),), (), 201, b"{}", IdempotencyKey(n, f"d{n}", b"")
    ),
}


async def measured(journal: Journal, kind: Callable[[int], Commit]) -> str:
    """Return the row of one kind."""
    commits = iter([kind(n) for n in range(1, COMMITS + 1)])
    took: list[float] = []

    async def client() -> None:
        for commit in commits:
            began = time.perf_counter()
            await journal.commit(commit)
            took.append(time.perf_counter() - began)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    took.sort()
    p50, p99 = (1000 * took[int(len(took) * part)] for part in (0.5, 0.99))
    return f"{COMMITS / cpu:,.0f} | {COMMITS / wall:,.0f} | {p50:.1f} | {p99:.1f} |"


def main() -> None:
    """Print the table."""
    with own_keyspace(Settings()) as settings, contextlib.closing(ClusterWorld(settings, {"tweets": 8})) as world:
        print(f"| commit, {AT_ONCE} at once | per client CPU-second | per second | p50 ms | p99 ms |")
        print("|---|--:|--:|--:|--:|")

        async def all_kinds() -> None:
            for name, kind in KINDS.items():
                print(f"| {name} | {await measured(world.journal, kind)}")

        asyncio.run(all_kinds())


if __name__ == "__main__":
    main()
