"""Search of the query API while Elasticsearch comes and goes: only searches notice, and they say so."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.elastic import Elastic
from infra.projections import StoreUnavailableError
from infra.servers import running
from schemas.ids import to_uuid
from tests import builders
from tests.cluster.cable import Cable
from tests.cluster.query_backing import prepared
from tests.conftest import settings_of
from tests.query_world import World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from tests.cluster.query_backing import Servers

pytestmark = pytest.mark.cluster

ME, ANN = uid(0), uid(1)
SECONDS = 20.0


@pytest.fixture(scope="module")
def cable(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("cable"), "elasticsearch")
    made = Cable(settings.elasticsearch_urls.removeprefix("http://"))
    yield made
    made.cut()


@pytest.fixture(scope="module")
def on_servers(fleet: Fleet, cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("search"), "cassandra")
    through = settings.model_copy(update={"elasticsearch_urls": f"http://{cable.address}"})
    with (
        running(("redis",), tmp_path_factory.mktemp("redis")) as redis,
        prepared(settings, redis) as backing,
        closing(Elastic(through)) as backing.elastic,
    ):
        yield backing
        backing.drop_search()


@pytest.fixture
async def world(tmp_path: Path, on_servers: Servers) -> AsyncIterator[World]:
    async with World(tmp_path, backing=on_servers) as made:
        await made.given(builders.registered(ME, "me"), builders.registered(ANN, "ann"))
        await made.given(*(builders.posted(ANN, tweet_id(n), "cat") for n in range(3)))
        yield made


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for announces nothing
            await asyncio.sleep(0.05)


async def test_while_elasticsearch_is_away_only_searches_are_refused(world: World, cable: Cable) -> None:
    reader = world.client(ME)
    cable.cut()
    try:
        for path, params in (("/search/tweets", {"q": "cat"}), ("/search/users", {"q": "ann"})):
            assert await world.refused(path, ME, wait_ms=0, **params) == (503, "not_ready")
        shown = await world.get(f"/timeline/user/{to_uuid(ANN)}", ME)
        assert ids(shown["tweets"]) == uuids(2, 1, 0)

        async def is_told() -> bool:
            answer = await reader.get("http://query/readyz")
            return answer.status_code == 200 and "Elasticsearch" in answer.json()["parts"]["search"]

        await until(is_told)
        assert (await reader.get("http://query/readyz")).json()["status"] == "degraded"
    finally:
        cable.mend()

    async def is_back() -> bool:
        answer = await reader.get("/search/tweets", params={"q": "cat", "wait_ms": 0})
        return answer.status_code == 200

    await until(is_back)
    assert ids((await world.get("/search/tweets", ME, q="cat"))["tweets"]) == uuids(2, 1, 0)


async def test_what_could_not_be_written_is_taken_when_elasticsearch_is_back(world: World, cable: Cable) -> None:
    await world.publish(builders.posted(ANN, tweet_id(7), "late cat"))
    cable.cut()
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="does not answer"):
                world.project("search")
    finally:
        cable.mend()
    await world.given()
    assert ids((await world.get("/search/tweets", ME, q="late"))["tweets"]) == uuids(7)


async def test_a_search_with_a_token_finds_what_the_token_names(world: World) -> None:
    for n in range(10, 20):
        await world.given(builders.posted(ANN, tweet_id(n), f"number{n}"))
        answer = await world.client(ME).get("/search/tweets", params={"q": f"number{n}", "wait_ms": 5000})
        assert (ids(answer.json()["tweets"]), "X-Stale" in answer.headers) == (uuids(n), False)


async def test_hundreds_of_searches_side_by_side_are_answered(world: World) -> None:
    reader = world.client(ME)
    answers = await asyncio.gather(*(reader.get("/search/tweets", params={"q": "cat"}) for _ in range(200)))
    assert {tuple(ids(answer.json()["tweets"])) for answer in answers} == {tuple(uuids(2, 1, 0))}
