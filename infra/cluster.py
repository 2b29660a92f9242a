"""The servers of the cluster profile as its processes need them: where they are, and topics and tables on them.

What is wrong is a TroubleError, one line: which server, what it says, what to do. NOTE: addresses of Redis hold
passwords, and are never told.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from confluent_kafka.admin import AdminClient

from infra.log import kafka_topics
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogUnavailableError
from infra.objects.opening import make_bucket
from infra.projections import StoreError, StoreUnavailableError, WrongSpanError
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.cql.session import CqlSession
    from infra.log.kafka_topics import Durability
    from infra.settings import Settings

TOPICS = (*FACT_TOPICS, *DERIVED_TOPICS)
MIGRATE = "make what is missing: `murmur migrate`"


def entrusted(settings: Settings, name: Literal["app", "query"]) -> Settings:
    """Return the settings with the credentials of one role, and without those of the others."""
    from infra.cql.roles import role  # noqa: PLC0415 - the driver is loaded where there is a cluster

    told = {"cassandra_app_password": "", "cassandra_query_password": "", "redis_query_urls": ""}
    told |= {"elasticsearch_query_user": "", "elasticsearch_query_password": ""}
    as_role = role(settings, name)
    if as_role.cassandra_user:
        told |= {"cassandra_user": "", "cassandra_password": ""}
        told[f"cassandra_{name}_password"] = as_role.cassandra_password
    if name == "query":
        told["redis_urls"] = told["redis_query_urls"] = settings.redis_query_urls or settings.redis_urls
        told |= elasticsearch_login(settings)
    return settings.model_copy(update=told)


def elasticsearch_login(settings: Settings) -> dict[str, str]:
    """Return the settings by which the query API logs in to Elasticsearch: as who may only read, where one is named."""
    if not settings.elasticsearch_query_user:
        return {}
    told = {"elasticsearch_user": settings.elasticsearch_query_user}
    return {**told, "elasticsearch_password": settings.elasticsearch_query_password}


def prepare(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Make the topics and tables that are missing; a repeat changes nothing."""
    make_topics(settings)
    make_tables(settings, say)
    if where := make_bucket(settings):
        say(f"objects: {where}")


def make_topics(settings: Settings) -> None:
    """Make the topics that are missing."""
    with kafka_trouble(settings):
        kafka_topics.ensure(settings.kafka_bootstrap, dict.fromkeys(TOPICS, settings.partitions), durability(settings))


def make_tables(settings: Settings, say: Callable[[str], None]) -> None:
    """Make the tables and roles that are missing."""
    from infra.cql.migrate_all import migrate_all  # noqa: PLC0415 - the driver is loaded where there is a cluster

    with cassandra_trouble(settings):
        migrate_all(settings, say)


def open_log(settings: Settings) -> KafkaLogReader:
    """Return a reader of all topics; raises TroubleError."""
    settings = servers_of(settings)
    check_topics(settings)
    with kafka_trouble(settings):
        return KafkaLogReader(settings.kafka_bootstrap, TOPICS)


def durability(settings: Settings) -> Durability:
    """Return how many brokers keep a record; raises TroubleError for what cannot be."""
    try:
        days = settings.retention_days if settings.retention_unarchived else 0  # else the archiver cuts
        return kafka_topics.Durability(settings.kafka_replication, settings.kafka_min_insync, days)
    except ValueError as error:
        remedy = "lower MURMURATION_KAFKA_MIN_INSYNC, or raise MURMURATION_KAFKA_REPLICATION"
        raise TroubleError(str(error), remedy) from error


def check_tables(session: CqlSession, settings: Settings) -> None:
    """Raise TroubleError where the tables are of an older version than this one, or a newer."""
    from infra.cql.migrate import applied, migrations, unapplied  # noqa: PLC0415 - as above

    try:
        recorded = applied(session, settings)
    except StoreUnavailableError:
        raise
    except StoreError as error:  # not even the table in which it is recorded
        raise TroubleError(f"the tables cannot be read ({error})", MIGRATE) from error
    if waiting := unapplied(migrations(settings), recorded):
        raise TroubleError(f"the tables are older than this version: {waiting[0].name} is missing", MIGRATE)


@contextmanager
def kafka_trouble(settings: Settings) -> Iterator[None]:
    """Say of which Kafka it is that something is wrong with."""
    try:
        yield
    except LogUnavailableError as error:
        what = f"Kafka at {settings.kafka_bootstrap}: {error}"
        raise TroubleError(what, "start it, or correct MURMURATION_KAFKA_BOOTSTRAP") from error


@contextmanager
def cassandra_trouble(settings: Settings) -> Iterator[None]:
    """Say of which Cassandra it is that something is wrong with."""
    try:
        yield
    except WrongSpanError as error:
        raise TroubleError(str(error), "") from error
    except StoreError as error:
        what = f"Scylla or Cassandra at {settings.cassandra_hosts}: {error}"
        raise TroubleError(what, "look at its log; `murmur doctor` tells more") from error


@contextmanager
def redis_trouble() -> Iterator[None]:
    """Say that it is Redis that something is wrong with."""
    try:
        yield
    except WrongSpanError as error:
        raise TroubleError(str(error), "") from error
    except StoreError as error:
        raise TroubleError(str(error), "start it, or correct MURMURATION_REDIS_URLS") from error


@contextmanager
def elasticsearch_trouble() -> Iterator[None]:
    """Say that it is Elasticsearch that something is wrong with."""
    try:
        yield
    except WrongSpanError as error:
        raise TroubleError(str(error), "") from error
    except StoreError as error:
        raise TroubleError(str(error), "start it, or correct MURMURATION_ELASTICSEARCH_URLS and its log-in") from error


def check_topics(settings: Settings) -> None:
    """Raise TroubleError where no broker answers, or a topic is missing."""
    with kafka_trouble(settings):
        there = kafka_topics.partition_counts(
            AdminClient(kafka_topics.client_config(settings.kafka_bootstrap)), settings.kafka_bootstrap
        )
    if missing := [topic for topic in TOPICS if topic not in there]:
        raise TroubleError(f"topic {missing[0]} is missing on Kafka at {settings.kafka_bootstrap}", MIGRATE)
