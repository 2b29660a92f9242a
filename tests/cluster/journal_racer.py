"""A process that follows, or blocks and unblocks, again and again, against another that does the other.

Run: python -m tests.cluster.journal_racer PREFIX follow|block TIMES
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.journal.cluster import ClusterJournal
from infra.journal.facts_log import FactsLog
from infra.journal.port import AlreadyClaimedError, Claim, Commit
from infra.log.kafka_topics import Durability
from infra.log.port import LogUnavailableError
from infra.settings import Settings
from tests.builders import posted

FOLLOW, BLOCK, UNBLOCK = 1000, 2000, 3000  # what a tweet's id stands for
NAME = "block:1:2"


def commits_of(role: str, number: int) -> list[Commit]:
    """Return what a process commits in one round."""
    if role == "follow":
        return [Commit((posted(1, FOLLOW + number),), (), (), 200, b"", None, (NAME, "block:2:1"))]
    claim = (Claim(NAME, 1),)
    blocked = Commit((posted(1, BLOCK + number),), claim, (), 200, b"", None)
    return [blocked, Commit((posted(1, UNBLOCK + number),), (), claim, 200, b"", None)]


async def main(prefix: str, role: str, times: int) -> None:
    """Commit each in its turn, again while another is in the way; a follow that is refused is let be."""
    settings = Settings()
    log = FactsLog(settings.kafka_bootstrap, Durability(), prefix=prefix)
    journal = ClusterJournal(log, CqlSession(settings, keyspace=keyspaces(settings).lwt))
    with contextlib.closing(journal):
        for number in range(times):
            for commit in commits_of(role, number):
                await _insist(journal, commit)


async def _insist(journal: ClusterJournal, commit: Commit) -> None:
    while True:
        with contextlib.suppress(LogUnavailableError):
            with contextlib.suppress(AlreadyClaimedError):
                await journal.commit(commit)
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
