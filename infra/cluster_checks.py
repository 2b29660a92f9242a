"""What is known to go wrong with servers, looked at by `murmur doctor`: each fault with its remedy. Changes nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from infra.check import Check
from infra.clock import SystemClock
from infra.cluster import MIGRATE, TOPICS, durability
from infra.cql.migrate import applied, unapplied
from infra.cql.migrate import migrations as known_migrations
from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.http.shared_limits import Claim
from infra.log import kafka_topics
from infra.objects.opening import open_s3
from infra.objects.port import ObjectError
from infra.projections import StoreError
from infra.redis_limits import RedisLimits
from infra.servers.fleet import servers_of
from infra.trouble import TroubleError
from infra.workers import check_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.cql.roles import Role
    from infra.settings import Settings

ANSWER_SECONDS = 5.0
REDIS_WANTED = {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def servers(settings: Settings) -> Iterator[Check]:
    """Yield the checks of all servers that the settings name."""
    try:
        settings = servers_of(settings)
    except TroubleError as trouble:
        yield Check("servers", trouble.what, trouble.remedy)
        return
    yield from kafka(settings)
    yield from redis_primaries(settings)
    yield limits(settings)
    yield from cassandra(settings)
    yield from registry(settings)
    yield from elasticsearch(settings)
    yield objects(settings)


def kafka(settings: Settings) -> Iterator[Check]:
    """Check that brokers answer, are as many as the settings want, and have the topics."""
    try:
        wanted = durability(settings)
    except TroubleError as trouble:
        yield Check("kafka", trouble.what, trouble.remedy)
        return
    where = settings.kafka_bootstrap
    admin = AdminClient(kafka_topics.client_config(where))
    try:
        told: Any = admin.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        yield Check("kafka", f"{where} does not answer ({error.args[0].str()})", _start("kafka"))
        return
    brokers = len(told.brokers)
    if brokers < wanted.replication:
        found = f"{brokers} brokers live, kafka_replication is {wanted.replication}"
        yield Check("kafka", found, "start the others, or lower MURMURATION_KAFKA_REPLICATION")
    else:
        yield Check("kafka", f"{where}: {brokers} brokers")
    if missing := [topic for topic in TOPICS if topic not in told.topics]:
        yield Check("topics", f"{', '.join(missing)} missing", MIGRATE)
        return
    yield _enough_in_sync(admin, brokers)


def _enough_in_sync(admin: AdminClient, brokers: int) -> Check:
    """Check that a record can be acknowledged: that no topic wants more copies written than there are brokers."""
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in TOPICS]
    answers = admin.describe_configs(asked, request_timeout=ANSWER_SECONDS)
    wanted = {it.name: int(answer.result()["min.insync.replicas"].value) for it, answer in answers.items()}
    if bad := [topic for topic, copies in wanted.items() if copies > brokers]:
        found = f"{bad[0]} wants {wanted[bad[0]]} copies written (min.insync.replicas), {brokers} brokers live"
        return Check("topics", found, "start the others, or lower MURMURATION_KAFKA_MIN_INSYNC and `murmur migrate`")
    return Check("topics", f"{len(TOPICS)}, all there")


def redis_primaries(settings: Settings) -> Iterator[Check]:
    """Check that every primary answers, accepts the password and keeps what it is given."""
    for number, url in enumerate(settings.redis_urls.split(","), 1):
        yield _redis(number, url)


def _redis(number: int, url: str) -> Check:
    name = f"primary {number}"  # its address may hold a password
    client: Any = redis.Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
    with closing(client):
        try:
            client.ping()
            found = client.config_get(*REDIS_WANTED)
        except (AuthenticationError, NoPermissionError) as error:
            if isinstance(error, NoPermissionError):
                return Check("redis", f"{name} answers")  # who may only read and write may not ask for more
            return Check("redis", f"{name} refuses the password ({error})", "correct MURMURATION_REDIS_URLS")
        except RedisError as error:
            return Check("redis", f"{name} does not answer ({error})", _start("redis"))
    wrong = [
        f"{key} is {found.get(key)}, not {value}" for key, value in REDIS_WANTED.items() if found.get(key) != value
    ]
    return Check("redis", f"{name}: {wrong[0]}" if wrong else f"{name} answers", "see docs/servers.md" if wrong else "")


def limits(settings: Settings) -> Check:
    """Check that what counts requests for all processes can be asked; where nothing does, each counts alone."""
    if not settings.rate_limits or not settings.redis_limits_urls:
        return Check("limits", "each process counts requests alone")
    try:
        with closing(RedisLimits(settings.redis_limits_urls.split(","))) as counting:
            counting.count([Claim("doctor", "nobody", 0, 1.0)], wanted=False)
    except (StoreError, ValueError) as error:
        return Check("limits", f"each process counts requests alone ({error})", "correct MURMURATION_REDIS_LIMITS_URLS")
    return Check("limits", "all processes count requests together")


def cassandra(settings: Settings) -> Iterator[Check]:
    """Check that each role can log in, that the tables are this version's, and that clocks agree."""
    try:
        with closing(CqlSession(role(settings, "admin"), keyspace="")) as session:
            yield Check("cassandra", f"{settings.cassandra_hosts} answers")
            yield clocks(session)
            waiting = unapplied(known_migrations(settings), applied(session, settings))
            yield Check(
                "tables", f"{waiting[0].name} is not applied" if waiting else "all there", MIGRATE * bool(waiting)
            )
        names: tuple[Role, ...] = ("app", "query")
        for name in names:
            CqlSession(role(settings, name)).close()
    except TroubleError as trouble:
        yield Check("cassandra", trouble.what, trouble.remedy)
    except StoreError as error:
        yield Check("tables", f"they cannot be read ({error})", MIGRATE)


def clocks(session: CqlSession) -> Check:
    """Check that the clock of this machine is that of the servers."""
    try:
        check_clock(session, SystemClock())
    except TroubleError as trouble:
        return Check("clock", trouble.what, "set both by NTP before you start: ids follow time")
    return Check("clock", "that of Cassandra")


def registry(settings: Settings) -> Iterator[Check]:
    """Check that the schema registry answers, where one is named."""
    url = settings.schema_registry_url
    if not url:
        return
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/subjects", timeout=ANSWER_SECONDS):  # noqa: S310 - a setting
            yield Check("registry", f"{url} answers")
    except (OSError, urllib.error.URLError, ValueError) as error:
        yield Check("registry", f"{url} does not answer ({error})", _start("registry"))


def elasticsearch(settings: Settings) -> Iterator[Check]:
    """Check that Elasticsearch answers, is a version that is spoken here and well, and has the indices."""
    if not settings.elasticsearch_urls:
        yield Check("elasticsearch", "none is named: this installation has no search")
        return
    try:
        with closing(Elastic(settings, seconds=ANSWER_SECONDS)) as elastic:
            elastic.check_version()
            yield _healthy(elastic)
            yield _has_indices(elastic, settings)
    except TroubleError as trouble:
        yield Check("elasticsearch", trouble.what, trouble.remedy)
    except StoreError as error:
        yield Check("elasticsearch", str(error), _start("elasticsearch"))


def _healthy(elastic: Elastic) -> Check:
    health = elastic.ask("GET", "/_cluster/health?filter_path=status,unassigned_shards")
    if health["status"] == "red":
        return Check("elasticsearch", f"{elastic.where} is red: some shards are nowhere", "look at its log")
    found = f"{elastic.where}: {elastic.version()}, {health['status']}"
    return Check("elasticsearch", f"{found}; yellow: copies are missing" if health["status"] == "yellow" else found)


def _has_indices(elastic: Elastic, settings: Settings) -> Check:
    names = f"{settings.elasticsearch_prefix}-search-*"
    there = elastic.ask("GET", f"/_alias/{names}")
    return Check("search indices", f"{len(there)}, all there") if there else Check("search indices", "missing", MIGRATE)


def objects(settings: Settings) -> Check:
    """Check that the object store answers, and has the bucket."""
    if not settings.objects_url:
        return Check("objects", "none is named: this installation has no media and no archive")
    try:
        with closing(open_s3(settings)) as store:
            return Check("objects", store.where, "" if store.has_bucket() else f"there is no such bucket; {MIGRATE}")
    except (TroubleError, ObjectError) as error:
        return Check("objects", str(error), _start("objects"))


def _start(name: str) -> str:
    return f"start it (`murmur servers up --only {name}`), or correct its address"
