"""Generations on servers: queries follow the pointer, whatever is not needed is deleted, and nothing else is."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
from confluent_kafka import Consumer

from infra.clock import SystemClock
from infra.cluster import make_topics
from infra.cql.generations import CqlGenerations
from infra.cql.projection_tables import create, find_build
from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.generations.changes import Generations
from infra.generations.record import State
from infra.log.port import Span
from infra.projections import StoreError, placed
from infra.redis_primaries import Primaries
from infra.servers import running
from infra.servers.redis import operator_url
from projections.accounts.cql import CqlAccountsReader, CqlAccountsStore
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph.cql import CqlGraphReader
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_drop import drop, is_there
from projections.home_timeline.redis_layout import Layout
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.search import elasticsearch_indices
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.trends.cql_reader import CqlTrendsReader
from projections.tweets.cql import CqlTweetsStore
from projections.tweets.cql_reader import CqlTweetsReader
from schemas.accounts.events import ProfileEdited
from schemas.codec import decode
from streams.generations import servers
from streams.generations.servers import ServerStock
from streams.projections import PROJECTIONS
from streams.server_stores import CQL_STORES
from streams.tables import make_generation
from tests import builders
from tests.cluster.query_backing import prepared
from tests.conftest import settings_of
from tests.query_world import World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from infra.projections import ProjectionStore
    from infra.servers import Fleet
    from infra.settings import Settings
    from tests.cluster.query_backing import Servers

pytestmark = pytest.mark.cluster

ME, ANN = uid(0), uid(1)
SECONDS = 20.0  # for what takes one on a machine of its own
OF = {it.name: it for it in PROJECTIONS}


@pytest.fixture(scope="module")
def on_servers(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("query"), "cassandra")
    with running(("redis",), tmp_path_factory.mktemp("redis")) as own, prepared(settings, own) as backing:
        yield backing


@pytest.fixture
async def world(tmp_path: Path, on_servers: Servers) -> AsyncIterator[World]:
    async with World(tmp_path, backing=on_servers) as made:
        people = [builders.registered(ME, "me"), builders.registered(ANN, "ann")]
        await made.given(*people, builders.signed_in(ME), builders.followed(ME, ANN))
        yield made


@pytest.fixture
def admin(world: World) -> Iterator[CqlSession]:
    with closing(CqlSession(world.settings)) as session:
        session.execute(f"TRUNCATE {session.keyspace}_lwt.generations")
        yield session


@pytest.fixture
def generations(world: World, admin: CqlSession) -> Generations:
    return Generations(CqlGenerations(admin, world.settings), SystemClock())


def built(world: World, generations: Generations, name: str, store: ProjectionStore, *, spoiled: bool = False) -> None:
    """Apply all of the log to a generation, and say that it is followed; spoiled: so that it shows in tweets."""
    project = placed(OF[name].project) if name in CQL_STORES else OF[name].project
    for topic in OF[name].topics:
        for partition in range(world.log.partitions(topic)):
            if batch := world.log.read(topic, partition, 0, 1000):
                writes = project([decode(value) for value in batch.values])
                if spoiled:
                    writes = [it._replace(write=said_otherwise(it.write)) for it in writes]
                store.apply(writes, Span(topic, partition, 0, batch.next_offset))
    generations.mark(name, 2, State.FOLLOWING)


def said_otherwise(write: Any) -> Any:
    return write._replace(body=b'"content":"second"') if hasattr(write, "body") else write


async def until_read(world: World, name: str, generation: int) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            told = (await world.client().get("http://query/projections")).json()["projections"]
            if next(it for it in told if it["projection"] == name)["generation"] == generation:
                return
            await asyncio.sleep(0.02)


async def test_rows_are_read_of_the_promoted_generation_and_after_a_roll_back_of_the_one_before(
    world: World, generations: Generations, admin: CqlSession
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = f"/tweets/{uuids(1)[0]}"
    before = await world.get(path, ME)
    create(admin, CqlTweetsStore, generations.begin("tweets", CqlTweetsStore.SCHEMA_VERSION))
    built(world, generations, "tweets", CqlTweetsStore(admin, world.log.log_id, 2), spoiled=True)
    generations.promote("tweets", 2, force=True)
    await until_read(world, "tweets", 2)
    assert (await world.get(path, ME))["content"] == "second"
    assert [tweet["content"] for tweet in (await world.get("/timeline/home", ME))["tweets"]] == ["second"]
    generations.rollback("tweets")
    await until_read(world, "tweets", 1)
    assert await world.get(path, ME) == before


async def test_what_is_new_in_another_generation_is_heard_of(
    world: World, generations: Generations, admin: CqlSession
) -> None:
    create(admin, CqlAccountsStore, generations.begin("accounts", CqlAccountsStore.SCHEMA_VERSION))
    store = CqlAccountsStore(admin, world.log.log_id, 2)
    built(world, generations, "accounts", store)
    generations.promote("accounts", 2, force=True)
    await until_read(world, "accounts", 2)
    assert (await world.get("/users/by-username/ann", ME))["display_name"] == "Ann"
    world.stores["accounts"] = store
    await world.given(ProfileEdited(builders.envelope(), ANN, display_name="Anne"))
    assert (await world.get("/users/by-username/ann", ME))["display_name"] == "Anne"


async def test_timelines_are_read_of_the_promoted_generation_and_the_other_can_be_deleted(
    world: World, generations: Generations, on_servers: Servers
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    generations.begin("home_timeline", 1)
    settings = world.settings
    urls = settings.redis_urls.split(",")
    with closing(
        RedisHomeTimelineStore(
            urls, world.log.log_id, celebrity_followers=10, active_days=30, shards=settings.redis_shards, generation=2
        )
    ) as store:
        built(world, generations, "home_timeline", store)
    generations.promote("home_timeline", 2, force=True)
    await until_read(world, "home_timeline", 2)
    with closing(Primaries(urls)) as primaries:
        assert drop(primaries, 1) > 0
        assert (is_there(primaries, 1), is_there(primaries, 2)) == (False, True)
    assert ids((await world.get("/timeline/home", ME))["tweets"]) == uuids(1)
    assert on_servers.redis.alive("redis")


async def test_who_may_only_read_cannot_move_the_pointer(world: World, generations: Generations) -> None:
    generations.begin("tweets", 1)
    with closing(CqlSession(role(world.settings, "query"))) as session:
        kept = CqlGenerations(session, world.settings)
        assert kept.of("tweets").last == 2
        with pytest.raises(StoreError):
            Generations(kept, SystemClock()).begin("tweets", 1)


def test_only_the_keys_of_the_generation_are_deleted(on_servers: Servers) -> None:
    url = operator_url(on_servers.redis["redis"])
    other = Layout(1, 1).of_shard("home", 0) + b":g2:\n\n\n\n"  # an id that reads like a generation
    with closing(redis.Redis.from_url(url)) as client, closing(Primaries([url])) as primaries:
        for name in (other, *(Layout(1, 2).of_user("home", user) for user in range(3_000))):
            client.set(name, b"")
        assert drop(primaries, 2) == 3_000
        assert client.exists(other)
        assert drop(primaries, 2) == 0


@pytest.fixture
def stock(cluster: Settings, on_servers: Servers, world: World) -> Iterator[ServerStock]:
    own = world.settings.model_copy(update={"kafka_bootstrap": cluster.kafka_bootstrap})
    make_topics(own)
    with closing(ServerStock(own)) as made:
        yield made
    assert on_servers.redis.alive("redis")


def test_whoever_follows_a_generation_holds_its_deletion_up(
    stock: ServerStock, generations: Generations, admin: CqlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"test-{os.getpid()}"
    monkeypatch.setattr(servers, "group_of", lambda *_: group)
    generations.begin("tweets", 1)  # whose tables another test has made
    tweets, number = OF["tweets"], generations.begin("tweets", 1)
    create(admin, CqlTweetsStore, number)
    assert stock.checkpoints(tweets, number) == {}
    assert stock.used_by(tweets, number) == ""
    assert "table tweets_g3" in stock.parts(tweets, number)
    told = {"bootstrap.servers": stock.bootstrap, "group.id": group}
    with closing(Consumer(told)) as consumer:
        consumer.subscribe(["tweets"])
        consumer.poll(SECONDS)
        assert f"{group} has 1 members" in stock.used_by(tweets, number)
    assert stock.used_by(tweets, number) == ""
    for _ in range(2):  # a repeat goes on
        stock.delete(tweets, number)
        assert find_build(admin, "tweets", number) is None
        assert stock.checkpoints(tweets, number) is None
        assert stock.parts(tweets, number) == []


def test_readers_read_what_the_stores_of_this_version_write() -> None:
    readers = (
        CqlAccountsReader,
        CqlTweetsReader,
        CqlGraphReader,
        CqlEngagementReader,
        CqlTrendsReader,
        CqlNotificationsReader,
    )
    for reader in readers:
        assert reader.SCHEMA_VERSION == CQL_STORES[reader.PROJECTION].SCHEMA_VERSION, reader.PROJECTION


def test_search_indices_are_told_of_and_deleted(
    stock: ServerStock, fleet: Fleet, generations: Generations, world: World, tmp_path: Path
) -> None:
    own = {
        "elasticsearch_prefix": f"generations-{os.getpid()}",
        "kafka_bootstrap": stock.bootstrap,
        "elasticsearch_urls": settings_of(fleet, tmp_path, "elasticsearch").elasticsearch_urls,
    }
    settings = world.settings.model_copy(update=own)
    search, number = OF["search"], generations.begin("search", elasticsearch_indices.SCHEMA_VERSION)
    make_generation(settings, "search", number)
    with closing(ServerStock(settings)) as searching, closing(Elastic(settings)) as elastic:
        assert searching.checkpoints(search, number) == {}
        store = ElasticsearchSearchStore(elastic, settings, "a-log", number)
        store.apply([], Span("tweets", 0, 0, 5))
        assert searching.checkpoints(search, number) == {("tweets", 0): 5}
        assert len(searching.parts(search, number)) == len(elasticsearch_indices.Indices._fields)
        for _ in range(2):
            searching.delete(search, number)
            assert searching.checkpoints(search, number) is None
        elasticsearch_indices.drop_templates(elastic, settings)
