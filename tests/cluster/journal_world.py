"""The journal of the cluster with topics and tables of its own, as the contract suite and the crash tests use it."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from infra.cql.migrate import migrate
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.journal.cluster import ClusterJournal
from infra.journal.facts_log import PROBES, FactsLog
from infra.journal.recovery import Patience
from infra.log import kafka_topics
from infra.log.kafka_reader import KafkaLogReader
from schemas.codec import decode
from tests.cluster.kept_keyspace import begin_anew

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.settings import Settings
    from schemas.envelope import Event
    from schemas.sealing import Seals

TABLES = ("claims", "intents", "under_way")
HASTY = Patience(undecided=1.0, append=0.5, delivery=2.0, wait=6.0)  # a dead process is taken for dead after 6.5 s


@contextlib.contextmanager
def own_keyspace(settings: Settings) -> Iterator[Settings]:
    """Give keyspaces with all tables, empty, which nobody else uses meanwhile."""
    own = settings.model_copy(update={"cassandra_keyspace": "journal"})
    with contextlib.closing(CqlSession(own, keyspace="")) as session:
        begin_anew(session, own)
        migrate(session, own)
    yield own


class ClusterWorld:
    """Journals on topics that are new, and on tables that are empty."""

    def __init__(
        self,
        settings: Settings,
        partitions: Mapping[str, int],
        patience: Patience = HASTY,
        seals: Seals | None = None,
    ) -> None:
        self.settings = settings
        self._seals = seals
        self._patience = patience
        self.prefix = f"journal-{secrets.token_hex(4)}."
        self._topics = {self.prefix + topic: count for topic, count in partitions.items()}
        kafka_topics.ensure(settings.kafka_bootstrap, self._topics)
        self._open = contextlib.ExitStack()
        self.session = self._session()
        for table in TABLES:
            self.session.execute(f"TRUNCATE {table}")
        self.journal = self.again()

    def _session(self) -> CqlSession:
        session = CqlSession(self.settings, keyspace=keyspaces(self.settings).lwt)
        return self._open.enter_context(contextlib.closing(session))

    def again(self) -> ClusterJournal:
        log = FactsLog(self.settings.kafka_bootstrap, kafka_topics.Durability(), prefix=self.prefix)
        session = CqlSession(self.settings, keyspace=keyspaces(self.settings).lwt)
        journal = ClusterJournal(log, session, patience=self._patience, seals=self._seals)
        return self._open.enter_context(contextlib.closing(journal))

    def tweets(self) -> list[Event]:
        topic = f"{self.prefix}tweets"
        with contextlib.closing(KafkaLogReader(self.settings.kafka_bootstrap, [topic])) as log:
            batches = [log.read(topic, partition, 0, 10_000) for partition in range(log.partitions(topic))]
            return [decode(value) for batch in batches if batch for value in batch.values]

    def close(self) -> None:
        self._open.close()
        admin = AdminClient(kafka_topics.client_config(self.settings.kafka_bootstrap))
        for deleted in admin.delete_topics([*self._topics, self.prefix + PROBES]).values():
            deleted.result()
