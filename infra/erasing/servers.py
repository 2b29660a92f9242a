"""The copies of facts on servers: rows in Scylla or Cassandra, documents in Elasticsearch.

What holds texts is waited for: it reads sealed events with the key, or not at all. Redis holds ids alone. Deleted rows
and documents stay in files of the servers until those merge them, in their own time: here only segments are merged of
which more than a tenth is deleted, which is what Elasticsearch takes for worth it.
"""

from __future__ import annotations

import contextlib
from contextlib import closing
from typing import TYPE_CHECKING

from infra.archive.opening import archived
from infra.clock import SystemClock
from infra.cql.generations import CqlGenerations
from infra.cql.progress import read_progress
from infra.elastic import Elastic
from infra.generations.changes import Generations
from infra.generations.record import State
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import TopicPartition
from infra.projections import StoreError
from infra.status import PROJECTION_TOPICS, kept
from infra.trouble import TroubleError
from schemas.catalogue import MODERATION, TWEETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from infra.cql.session import CqlSession
    from infra.log.port import LogReader, Position
    from infra.settings import Settings

ELSEWHERE = frozenset({"home_timeline", "search"})
"""Not on rows: ids in Redis, documents in Elasticsearch."""
ROWS_REMAIN = (
    "Cassandra: deleted rows stay in its files until they are compacted, after gc_grace_seconds (10 days): "
    "`nodetool garbagecollect`, then `nodetool compact`, do it sooner"
)
DOCUMENTS_REMAIN = (
    "Elasticsearch: words of deleted documents stay in segments of which less than a tenth is deleted: with "
    "`index.merge.policy.expunge_deletes_allowed` at 0, `_flush` and, half a minute later, "
    "`_forcemerge?only_expunge_deletes=true` rewrite these"
)


class ServerCopies:
    """What the installation's servers hold; `rows` is a session of the keyspace of rows."""

    def __init__(self, settings: Settings, rows: CqlSession) -> None:
        self._settings = settings
        self._rows = rows
        self._generations = CqlGenerations(rows, settings)

    def behind(self, positions: Sequence[Position]) -> list[str]:
        """Return which of those that are kept up have not passed the positions yet. May wait."""
        followed = [
            (name, it.number)
            for name in sorted(kept(self._settings) - ELSEWHERE)
            for it in self._generations.of(name).generations
            if it.state is State.FOLLOWING
        ]
        known = {number: read_progress(self._rows, number) for number in {number for _, number in followed}}
        behind = []
        for name, number in followed:
            applied = known[number].get(name, {})
            mine = [it for it in positions if it.topic in PROJECTION_TOPICS[name]]
            ends = ((applied.get(TopicPartition(it.topic, it.partition)), it.offset) for it in mine)
            if any(told is None or told.next_offset <= offset for told, offset in ends):
                behind.append(f"{name}: generation {number}")
        return behind

    def log(self) -> AbstractContextManager[LogReader]:
        """Open the log, with its archive before it; blocks, and is for a thread."""
        return closing(archived(self._settings, KafkaLogReader(self._settings.kafka_bootstrap, [MODERATION, TWEETS])))

    def scrub(self) -> list[str]:
        """Merge what can be merged, and let go of builds that nobody keeps up; return what remains, for a person."""
        changes = Generations(self._generations, SystemClock(), "erasure")
        dropped = []
        for name in sorted(kept(self._settings)):
            for it in self._generations.of(name).generations:
                if it.state in {State.FROZEN, State.FAILED, State.DROPPING}:
                    with contextlib.suppress(TroubleError):
                        changes.drop(name, it.number, also_previous=True)
                    dropped.append(f"{name}: generation {it.number} is given up; `murmur generations gc` deletes it")
        return [*dropped, *self._merged(), ROWS_REMAIN]

    def _merged(self) -> list[str]:
        if "search" not in kept(self._settings):
            return []
        target = f"/{self._settings.elasticsearch_prefix}-*/_forcemerge?only_expunge_deletes=true"
        try:
            with closing(Elastic(self._settings)) as elastic:
                elastic.ask("POST", target)
        except StoreError as error:
            return [f"Elasticsearch: deleted documents stay until their segments are merged ({error})"]
        return [DOCUMENTS_REMAIN]
