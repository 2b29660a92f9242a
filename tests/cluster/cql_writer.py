"""A process that keeps rows of a random history, and may be killed at its n-th statement.

    python -m tests.cluster.cql_writer BATCH DIE_AT

Begins where the stores stand; another worker that is ahead of it makes it look again. Ends when all is applied.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.cql.session import CqlSession
from infra.log.port import Span
from infra.projections import StoreUnavailableError, WrongSpanError, placed
from infra.settings import Settings
from projections.engagement import projector as engagement
from projections.engagement.cql import CqlEngagementStore
from projections.graph import projector as graph
from projections.graph.cql import CqlGraphStore
from projections.notifications import projector as notifications
from projections.notifications.cql import CqlNotificationsStore
from projections.notifications.read_model import TOPICS as NOTIFICATIONS_TOPICS
from schemas.catalogue import ENGAGEMENTS, FOLLOWS, TWEETS
from tests.histories import USERS, VERBS, Step, World, log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.cql.projection_store import CqlProjectionStore
    from schemas.envelope import Event

LOG_ID = "a-log"
STEPS = 1_500
NEVER = 0


class Kept(NamedTuple):
    topics: tuple[str, ...]
    project: Callable[[Sequence[Event]], Sequence[Any]]
    store: type[CqlProjectionStore]


KEPT = (
    Kept((FOLLOWS,), graph.project, CqlGraphStore),
    Kept((TWEETS, ENGAGEMENTS), engagement.project, CqlEngagementStore),
    Kept(NOTIFICATIONS_TOPICS, notifications.project, CqlNotificationsStore),
)


def history() -> list[Event]:
    """The same for everybody."""
    rng = random.Random(5)
    return World().play(
        Step(rng.choice(VERBS), rng.choice(USERS), rng.randint(0, 30), rng.choice((0, 1, 1000))) for _ in range(STEPS)
    )


class Mortal(CqlSession):
    """A session whose process is killed when it would send its n-th statement; what is on its way may arrive."""

    die_at = NEVER
    sent = 0

    def _send(self, call: Any) -> Any:
        self.sent += 1
        if self.sent == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._send(call)


def keep(session: CqlSession, batch: int, refused: Callable[[Exception], None] = lambda _: None) -> None:
    """Apply what is still to be applied; what is refused for a reason that may pass is tried again."""
    said = history()
    for kept in KEPT:
        store, log = kept.store(session, LOG_ID), log_of(said, kept.topics)
        while True:
            try:
                done = store.checkpoints()
                waiting = [partition for partition in log if done.get(partition, 0) < len(log[partition])]
                for partition in waiting:
                    start = done.get(partition, 0)
                    events = log[partition][start : start + batch]
                    store.apply(placed(kept.project)(events), Span(*partition, start, start + len(events)))
            except (WrongSpanError, StoreUnavailableError) as error:
                refused(error)
            else:
                if not waiting:
                    break


def main(batch: str, die_at: str) -> None:
    with closing(Mortal(Settings())) as session:
        session.die_at = int(die_at)
        keep(session, int(batch))


if __name__ == "__main__":
    main(*sys.argv[1:])
