"""All that servers hold of an installation, as plain bytes: each row, key, object, record and document."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from redis import Redis

from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.log.kafka_topics import client_config
from infra.objects.opening import open_s3
from tests.e2e.canaries import TOLD_BY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.settings import Settings

MOST = 10_000
_READ = {"hash": "hgetall", "set": "smembers", "string": "get"}


def contents(settings: Settings, redis_urls: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield where something stands, and what; of documents, what they are kept as: words are found by `documents`."""
    yield from _rows(settings)
    yield from _objects(settings)
    yield from _records(settings)
    for url in redis_urls:
        yield from _keys(url)
    with closing(Elastic(settings)) as elastic:
        asked = {"size": MOST, "query": {"match_all": {}}}
        yield "elasticsearch", repr(elastic.ask("POST", f"/{settings.elasticsearch_prefix}-*/_search", asked)).encode()


def documents(settings: Settings, planted: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the indices in which a document is found by what was planted: not even its words are to be left."""
    asked: list[dict[str, Any]] = []
    for canary in planted.values():
        words = {"query": f"*{canary[-TOLD_BY:]}*", "fields": ["*"], "lenient": True}
        asked += [{"index": f"{settings.elasticsearch_prefix}-*"}, {"query": {"query_string": words}, "_source": False}]
    with closing(Elastic(settings)) as elastic:
        elastic.ask("POST", f"/{settings.elasticsearch_prefix}-*/_refresh")
        answers = elastic.ask("POST", "/_msearch", asked)["responses"]
    assert all("hits" in it for it in answers), answers
    hits = zip(planted, (it["hits"]["hits"] for it in answers), strict=True)
    return {where: sorted({f"elasticsearch {it['_index']}" for it in found}) for where, found in hits if found}


def _rows(settings: Settings) -> Iterator[tuple[str, bytes]]:
    with closing(CqlSession(settings, keyspace="")) as session:
        for keyspace in keyspaces(settings):
            tables = session.run("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", (keyspace,))
            for (table,) in tables:
                rows = session.scan(f"SELECT * FROM {keyspace}.{table}")
                yield f"cassandra {keyspace}.{table}", b"\0".join(it for row in rows for it in _plain(row))


def _plain(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _plain(pair)
    elif isinstance(value, str):
        yield value.encode()
    elif hasattr(value, "__iter__"):
        for it in value:
            yield from _plain(it)


def _objects(settings: Settings) -> Iterator[tuple[str, bytes]]:
    with closing(open_s3(settings)) as store:
        for it in list(store.list()):
            with store.open(it.key) as file:
                yield f"objects {it.key}", it.key.encode() + b"\0" + file.read()


def _records(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Read every topic of the cluster to its end."""
    own = {"group.id": "traces", "enable.partition.eof": True, "enable.auto.commit": False, "fetch.wait.max.ms": 10}
    consumer = Consumer(client_config(settings.kafka_bootstrap, {**own, "auto.offset.reset": "earliest"}))
    held: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    with closing(consumer):
        topics = consumer.list_topics(timeout=30).topics
        left = {(name, number) for name, topic in topics.items() for number in topic.partitions}
        consumer.assign([TopicPartition(*place, 0) for place in left])
        while left:
            [message] = consumer.consume(1, 30)
            place = (message.topic(), message.partition())
            if (error := message.error()) is None:
                held[place] += [message.key() or b"", message.value() or b"", repr(message.headers()).encode()]
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                left.discard(place)
    for (topic, partition), records in held.items():
        yield f"kafka {topic}/{partition}", b"\0".join(records)


def _keys(url: str) -> Iterator[tuple[str, bytes]]:
    with closing(Redis.from_url(url)) as redis:
        for key in redis.scan_iter(count=MOST):
            kind = redis.type(key).decode()
            if kind == "zset":
                value: Any = redis.zrange(key, 0, -1)
            elif kind == "list":
                value = redis.lrange(key, 0, -1)
            else:
                value = getattr(redis, _READ[kind])(key)
            name = re.sub(rb"\d+", b"*", key).decode(errors="replace")
            yield f"redis {name}", b"\0".join([key, *_plain(value)])
