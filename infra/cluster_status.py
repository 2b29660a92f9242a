"""How log and projections of the cluster profile are: asked of Kafka, and of the query API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra import probe
from infra.log import kafka_topics
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from schemas.catalogue import FACT_TOPICS

if TYPE_CHECKING:
    from infra.settings import Settings

ANSWER_SECONDS = 3.0


def log_and_projections(settings: Settings, query: str) -> dict[str, Any]:
    """Return the records of each topic and the projections' lags; `not_known` tells what nobody could be asked."""
    not_known = []
    topics: dict[str, int] = {}
    try:
        topics = ends_by_topic(servers_of(settings).kafka_bootstrap)
    except TroubleError as trouble:
        not_known.append(f"the log: {trouble}")
    projections = lags(query)
    if projections is None:
        not_known.append(f"how far projections are: the query API at {query} does not tell")
    return {"log": {"topics": topics}, "projections": projections or [], "not_known": not_known}


def ends_by_topic(bootstrap: str) -> dict[str, int]:
    """Return the number of records of each topic of facts; raises TroubleError."""
    admin = AdminClient(kafka_topics.client_config(bootstrap))
    try:
        there = admin.list_topics(timeout=ANSWER_SECONDS).topics
        asked = {
            KafkaPartition(topic, partition): OffsetSpec.latest()
            for topic in FACT_TOPICS
            if topic in there
            for partition in there[topic].partitions
        }
        counts = dict.fromkeys(FACT_TOPICS, 0)
        for place, answer in (admin.list_offsets(asked, request_timeout=ANSWER_SECONDS) if asked else {}).items():
            counts[place.topic] += answer.result().offset
    except KafkaException as error:
        raise TroubleError(f"Kafka at {bootstrap} does not answer ({error.args[0].str()})", "") from error
    return counts


def lags(query: str) -> list[dict[str, Any]] | None:
    """Return each projection's lag as the query API tells, or None where it does not."""
    where = urlsplit(query)
    answer = probe.get_json(where.hostname or "", where.port or 0, "/projections")
    if answer is None or not isinstance(answer[1], dict) or "projections" not in answer[1]:
        return None
    return [
        {
            "projection": it["projection"],
            "events": it["lag_events"],
            "seconds": round(it["lag_seconds"], 1),
            "generation": it["generation"],
        }
        for it in answer[1]["projections"]
    ]
