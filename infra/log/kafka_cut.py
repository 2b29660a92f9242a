"""Cuts topics on Kafka off at their beginning: what is older than the retention, and never what is not archived.

Kafka's own retention goes by time alone; so topics keep everything, and are told what to delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.log.kafka_topics import ANSWER_SECONDS, client_config
from infra.log.port import LogUnavailableError, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def cut(bootstrap: str, archived: Mapping[TopicPartition, int], before_ms: int) -> int:
    """Delete the records that were appended before that time and are archived; return how many are gone.

    `archived` says up to which offset (exclusive) each partition is. Raises LogUnavailableError.
    """
    admin = AdminClient(client_config(bootstrap))
    firsts = _offsets(admin, archived, OffsetSpec.earliest())
    young = _offsets(admin, archived, OffsetSpec.for_timestamp(before_ms))
    wanted = {place: min(end, young[place]) if young[place] >= 0 else end for place, end in archived.items()}
    wanted = {place: offset for place, offset in wanted.items() if offset > firsts[place]}
    if not wanted:
        return 0
    asked = [KafkaPartition(*place, offset) for place, offset in wanted.items()]
    for place, answer in admin.delete_records(asked, request_timeout=ANSWER_SECONDS).items():
        try:
            answer.result()
        except KafkaException as error:
            where = f"{place.topic}/{place.partition}"
            raise LogUnavailableError(f"{where} cannot be cut: {error.args[0].str()}") from error
    return sum(offset - firsts[place] for place, offset in wanted.items())


def _offsets(admin: AdminClient, places: Iterable[TopicPartition], spec: Any) -> dict[TopicPartition, int]:
    asked = {KafkaPartition(*place): spec for place in places}
    try:
        answers = admin.list_offsets(asked, request_timeout=ANSWER_SECONDS) if asked else {}
        return {TopicPartition(it.topic, it.partition): answer.result().offset for it, answer in answers.items()}
    except KafkaException as error:
        raise LogUnavailableError(f"no Kafka broker answers: {error.args[0].str()}") from error
