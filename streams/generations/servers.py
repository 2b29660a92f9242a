"""What there is of generations on servers, and how it is deleted: rows, timelines, search indices, Kafka's groups."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.cluster import TOPICS, cassandra_trouble, elasticsearch_trouble, kafka_trouble, redis_trouble
from infra.cql.generations import CqlGenerations
from infra.cql.projection_store import next_offsets
from infra.cql.projection_tables import drop, find_build, forget_checkpoints, named
from infra.cql.roles import role
from infra.cql.schema_lock import schema_locked
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.log.kafka_reader import KafkaLogReader
from infra.log.kafka_topics import client_config
from infra.redis_primaries import Primaries
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from projections.home_timeline import redis_drop
from projections.home_timeline.redis_layout import Layout, read_checkpoints
from projections.search import elasticsearch_indices, elasticsearch_progress
from projections.search import read_model as search
from streams.app import group_of
from streams.server_stores import CQL_STORES, version_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cql.projection_store import CqlProjectionStore
    from infra.log.port import TopicPartition
    from infra.settings import Settings
    from streams.parts import Projection

ANSWER_SECONDS = 10.0
_GONE = {KafkaError.GROUP_ID_NOT_FOUND, KafkaError._UNKNOWN_GROUP}  # noqa: SLF001 - Kafka's own name


class ServerStock:
    """Generations on servers; the admin's session makes and deletes, the workers' users do the rest."""

    readers_let_go_s = 2.0  # they look ten times a second, and a request in hand takes less than the rest

    def __init__(self, settings: Settings) -> None:
        self._settings = servers_of(settings)
        self._open = ExitStack()
        with cassandra_trouble(self._settings):
            self._rows = self._open.enter_context(closing(CqlSession(role(self._settings, "admin"))))
        self.kept = CqlGenerations(self._rows, self._settings)
        self._primaries = self._open.enter_context(closing(Primaries(self._settings.redis_urls.split(","))))
        self.bootstrap = self._settings.kafka_bootstrap
        self._admin = AdminClient(client_config(self.bootstrap))
        with kafka_trouble(self._settings):
            self._log = self._open.enter_context(closing(KafkaLogReader(self.bootstrap, TOPICS)))
        self._found: Elastic | None = None
        if self._settings.elasticsearch_urls:
            self._found = self._open.enter_context(closing(Elastic(self._settings)))

    def version(self, projection: Projection) -> int:
        """Return the version of the store on servers."""
        return version_of(projection)

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Ask Kafka."""
        with kafka_trouble(self._settings):
            return self._log.end_offsets(topics)

    def checkpoints(self, projection: Projection, number: int) -> Mapping[TopicPartition, int] | None:
        """Ask the store's server."""
        if (store := _rows_of(projection)) is not None:
            with cassandra_trouble(self._settings):
                build = find_build(self._rows, projection.name, number)
                return None if build is None else next_offsets(self._rows, store.PROJECTION, build.id, number)
        if projection.name == search.PROJECTION:
            with elasticsearch_trouble():
                if self._found is None or not elasticsearch_indices.are_there(self._found, self._settings, number):
                    return None
                progress = elasticsearch_indices.indices(self._settings, number).progress
                return elasticsearch_progress.read_checkpoints(self._found, progress)
        with redis_trouble():
            found = read_checkpoints(self._primaries, Layout(self._settings.redis_shards, number))
            return found if found or redis_drop.is_there(self._primaries, number) else None

    def used_by(self, projection: Projection, number: int) -> str:
        """Tell which stream workers follow it: the members of its group."""
        group = group_of(projection.name, number)
        answer = self._admin.describe_consumer_groups([group], request_timeout=ANSWER_SECONDS)[group]
        try:
            members = answer.result().members
        except KafkaException as error:
            if error.args[0].code() in _GONE:
                return ""
            raise TroubleError(f"Kafka does not tell who reads: {error.args[0].str()}", "try again") from error
        return f"{group} has {len(members)} members, of which one is {members[0].client_id}" if members else ""

    def parts(self, projection: Projection, number: int) -> list[str]:
        """Return what there is: tables, indices, or keys."""
        if (store := _rows_of(projection)) is not None:
            there = find_build(self._rows, projection.name, number) is not None
            return [named(f"table {name}{{g}}", number) for name in store.TABLES] if there else []
        if self.checkpoints(projection, number) is None:
            return []
        if projection.name == search.PROJECTION:
            return [f"index {name}" for name in elasticsearch_indices.indices(self._settings, number)]
        return [f"keys of Redis, :g{number}:"]

    def delete(self, projection: Projection, number: int) -> None:
        """Drop the tables, delete the indices, or unlink the keys; then its group."""
        if (store := _rows_of(projection)) is not None:
            with cassandra_trouble(self._settings), schema_locked(self._rows, self._settings):
                drop(self._rows, store, number)
                forget_checkpoints(self._rows, projection.name, number)
        elif projection.name == search.PROJECTION:
            with elasticsearch_trouble():
                if self._found is not None:
                    elasticsearch_indices.drop(self._found, self._settings, number)
        else:
            with redis_trouble():
                redis_drop.drop(self._primaries, number)
        self._delete_group(group_of(projection.name, number))

    def _delete_group(self, group: str) -> None:
        try:
            self._admin.delete_consumer_groups([group], request_timeout=ANSWER_SECONDS)[group].result()
        except KafkaException as error:
            if error.args[0].code() not in _GONE:
                raise TroubleError(f"Kafka keeps the group {group}: {error.args[0].str()}", "try again") from error

    def strays(self, projection: Projection) -> list[int]:  # noqa: ARG002 - the same for all
        """None: what is deleted stays on record until all of it is gone, and workers make nothing."""
        return []

    def close(self) -> None:
        """Leave the servers."""
        self._open.close()


def _rows_of(projection: Projection) -> type[CqlProjectionStore] | None:
    return CQL_STORES.get(projection.name)
