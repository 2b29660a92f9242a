"""Topics of the log on Kafka: made once, with settings that lose nothing; and what names them for ever.

A topic that exists keeps its number of partitions: another number would send a key's next record to another partition
than its last. Whoever adds partitions by hand breaks the order of keys. Its retention and its min.insync.replicas
follow the settings.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from infra.log.port import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka import Consumer

    from infra.log.port import TopicPartition

ANSWER_SECONDS = 10.0  # a broker that starts up takes 4 to 8
LEARN_SECONDS = 2.0
LEADER_SECONDS = 10.0
MAX_RECORD_BYTES = 2_000_000  # events have 1 MB of body at most
DAY_MS = 86_400_000
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Durability:
    """How many brokers keep a record: `replication` copies, `min_insync` of which are written before it counts."""

    replication: int = 1
    min_insync: int = 1
    retention_days: int = 0  # 0: for ever

    def __post_init__(self) -> None:
        """Refuse what Kafka would quietly take for less."""
        if self.min_insync > self.replication:
            raise ValueError(f"{self.min_insync} copies are to be written, {self.replication} is kept")

    def config(self) -> dict[str, str]:
        """Return the settings that a topic follows also when it exists already."""
        retention_ms = self.retention_days * DAY_MS if self.retention_days else -1
        return {
            "min.insync.replicas": str(self.min_insync),
            "retention.ms": str(retention_ms),
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
            "unclean.leader.election.enable": "false",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_RECORD_BYTES),
        }


def client_config(bootstrap: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what every client of ours is configured with; `options` are librdkafka's."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "murmuration",
        "reconnect.backoff.max.ms": 1_000,  # ten seconds by default: a broker that is back would wait for us
        "log_level": 2,  # that a broker is away is told by what fails because of it, not on stderr
        **(options or {}),
    }


def ensure(bootstrap: str, partitions: Mapping[str, int], durability: Durability = Durability()) -> None:
    """Create the topics that are missing, and wait until they can be written; a repeat changes nothing.

    Raises LogUnavailableError where no broker answers or it refuses.
    """
    admin = AdminClient(client_config(bootstrap))
    existing = partition_counts(admin, bootstrap)
    new = [
        NewTopic(topic, count, durability.replication, config=durability.config())
        for topic, count in partitions.items()
        if topic not in existing
    ]
    if new:
        for topic, made in admin.create_topics(new, request_timeout=ANSWER_SECONDS).items():
            _result(made, f"topic {topic} cannot be created", ignored=KafkaError.TOPIC_ALREADY_EXISTS)
    _follow(admin, [topic for topic in partitions if topic in existing], durability)
    _wait_for_leaders(admin, bootstrap, partitions)


def _follow(admin: AdminClient, topics: Iterable[str], durability: Durability) -> None:
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in durability.config().items()
            ],
        )
        for topic in topics
    ]
    if resources:
        for resource, done in admin.incremental_alter_configs(resources, request_timeout=ANSWER_SECONDS).items():
            _result(done, f"topic {resource.name} cannot be configured")


def _wait_for_leaders(admin: AdminClient, bootstrap: str, topics: Iterable[str]) -> None:
    until = time.monotonic() + LEADER_SECONDS
    while True:
        known = _metadata(admin, bootstrap).topics
        waiting = [
            topic
            for topic in topics
            if topic not in known
            or not known[topic].partitions
            or any(partition.leader < 0 for partition in known[topic].partitions.values())
        ]
        if not waiting:
            return
        if time.monotonic() > until:
            raise LogUnavailableError(f"no leader for {', '.join(waiting)} after {LEADER_SECONDS:.0f} s")
        time.sleep(_LOOK_SECONDS)  # Kafka tells nobody when a leader is elected


def bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Return the first offset that a partition keeps, and its end. Raises LogUnavailableError."""
    try:
        found = consumer.get_watermark_offsets(KafkaPartition(*place), timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise LogUnavailableError(f"no Kafka broker answers: {error.args[0].str()}") from error
    if found is None:
        raise LogUnavailableError(f"{place.topic}/{place.partition}: no answer about its end")
    first, end = found
    return first, end


def partition_counts(client: Any, bootstrap: str) -> dict[str, int]:
    """Return the number of partitions of every topic; any client of confluent-kafka can be asked."""
    return _counts(_metadata(client, bootstrap))


def _counts(metadata: Any) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.partitions}


class Partitions:
    """The number of partitions of each topic, as one client knows it; of a topic that it does not know it asks anew.

    A broker may hear of a topic after another one has told that it was made, and a client may ask either.
    """

    def __init__(self, client: Any, bootstrap: str) -> None:
        self._client = client
        self._bootstrap = bootstrap
        self._counts = partition_counts(client, bootstrap)

    def __getitem__(self, topic: str) -> int:
        """Return it; raises KeyError where no such topic is known."""
        if topic not in self._counts:
            self._counts = _counts(_metadata(self._client, self._bootstrap, LEARN_SECONDS))
        return self._counts[topic]


def learn_leaders(client: Any, bootstrap: str) -> None:
    """Ask who leads the partitions; raises LogUnavailableError where no broker answers in LEARN_SECONDS.

    librdkafka's list_offsets goes by what its client once learned, and asks nobody anew after an error: once a broker
    has been started again it would be refused for its old leader epoch for ever.
    """
    _metadata(client, bootstrap, LEARN_SECONDS)


def log_id(admin: AdminClient, topics: Iterable[str], bootstrap: str) -> str:
    """Return a name for these topics as they were once created: a topic that is created anew gives another one."""
    cluster_id = _metadata(admin, bootstrap).cluster_id
    described = admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=ANSWER_SECONDS)
    ids = [f"{name}={_result(found, f'topic {name} is unknown').topic_id}" for name, found in sorted(described.items())]
    return f"{cluster_id}:{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:16]}"


def _metadata(client: Any, bootstrap: str, seconds: float = ANSWER_SECONDS) -> Any:
    try:
        return client.list_topics(timeout=seconds)
    except KafkaException as error:
        raise LogUnavailableError(f"no Kafka broker answers at {bootstrap}: {error.args[0].str()}") from error


def _result(future: Future[Any], what: str, ignored: int | None = None) -> Any:
    try:
        return future.result(timeout=2 * ANSWER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() == ignored:
            return None
        raise LogUnavailableError(f"{what}: {error.args[0].str()}") from error
