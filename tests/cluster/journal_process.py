"""A process that commits one thing and dies at a given step: before or after its n-th call to the store or the log.

    python -m tests.cluster.journal_process PREFIX WHAT STEP

Prints the answer's body where it lives to tell it; exits with code 9 where it died.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.journal.cluster import ClusterJournal
from infra.journal.facts_log import FactsLog
from infra.journal.port import Claim, Commit, IdempotencyKey
from infra.journal.recovery import Patience
from infra.log.kafka_topics import Durability
from infra.settings import Settings
from tests.builders import posted

if TYPE_CHECKING:
    from collections.abc import Callable

DIED = 9
UNHURRIED = Patience(append=60.0)  # also on a slow machine it makes the same calls
FIRST_TWEET = 1000  # its process at step n says tweet 1000 + n


def key_of(step: int) -> IdempotencyKey:
    """Return the Idempotency-Key of a step's process."""
    return IdempotencyKey(1, f"key-{step}", b"hash")


def commit_of(what: str, step: int, tweet_id: int) -> Commit:
    """Return what is committed: with a key, with claims, with both, or while a name is free."""
    key = key_of(step) if "key" in what else None
    claims = (Claim(f"name-{step}", 1), Claim(f"other-{step}", 1)) if "claim" in what else ()
    releases = (Claim(f"old-{step}", 1),) if "claim" in what else ()
    free = (f"free-{step}",) if "free" in what else ()
    return Commit((posted(1, tweet_id),), claims, releases, 201, b"%d" % tweet_id, key, free)


class Mortal:
    """Counts calls; dies at the one it is told: an even step before the call, an odd one after it."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._calls = 0

    def at(self, call: Callable[[], Any]) -> Any:
        number, self._calls = self._calls, self._calls + 1
        if self._step == 2 * number:
            os._exit(DIED)
        result = call()
        if self._step == 2 * number + 1:
            os._exit(DIED)
        return result


class MortalSession(CqlSession):
    """A session whose process may die around any call."""

    mortal: Mortal

    def run_all(self, calls: Any) -> list[list[Any]]:
        rows: list[list[Any]] = self.mortal.at(lambda: CqlSession.run_all(self, calls))
        return rows


class MortalLog(FactsLog):
    """A log whose process may die before an append, or when it is durable."""

    mortal: Mortal

    async def append(self, records: Any) -> Any:
        self.mortal.at(lambda: None)
        positions = await super().append(records)
        self.mortal.at(lambda: None)
        return positions


async def main(prefix: str, what: str, step: int) -> None:
    """Commit."""
    settings = Settings()
    mortal = Mortal(step)
    session = MortalSession(settings, keyspace=keyspaces(settings).lwt)
    log = MortalLog(settings.kafka_bootstrap, Durability(), prefix=prefix)
    session.mortal = log.mortal = mortal
    answer = await ClusterJournal(log, session, patience=UNHURRIED).commit(commit_of(what, step, FIRST_TWEET + step))
    sys.stdout.write(answer.body.decode())
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
