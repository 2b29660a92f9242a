"""A log on a real Kafka with new topics, as the contract suite and the cluster tests use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from infra.log import kafka_topics
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def delete_topics(bootstrap: str, topics: Iterable[str]) -> None:
    admin = AdminClient(kafka_topics.client_config(bootstrap))
    there = kafka_topics.partition_counts(admin, bootstrap).keys() & set(topics)
    if there:
        for deleted in admin.delete_topics(list(there)).values():
            deleted.result()
    while there & kafka_topics.partition_counts(admin, bootstrap).keys():
        pass  # brokers hear of it after the controller has answered, within milliseconds


def make_topics_anew(bootstrap: str, partitions: Mapping[str, int]) -> None:
    delete_topics(bootstrap, partitions)
    kafka_topics.ensure(bootstrap, partitions)


class KafkaLog:
    def __init__(self, bootstrap: str, partitions: Mapping[str, int]) -> None:
        self.bootstrap = bootstrap
        self._topics = tuple(partitions)
        make_topics_anew(bootstrap, partitions)
        self.log = KafkaEventLog(bootstrap)
        self._readers: list[KafkaLogReader] = []

    def reader(self) -> KafkaLogReader:
        self._readers.append(KafkaLogReader(self.bootstrap, self._topics))
        return self._readers[-1]

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self.log.close()
