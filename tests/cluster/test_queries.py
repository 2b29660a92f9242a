"""The query API over servers: as fresh as its token, side by side, and what users see while a server is away.

That all endpoints answer as on files is told by tests/integration/query_api, which runs over servers too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from infra import progress
from infra.consistency import HEADER
from infra.servers import running
from query_api.app import create_app
from query_api.home_timeline import fallback
from query_api.reading import LAG_HEADER, STALE_HEADER
from schemas.accounts.events import ProfileEdited
from schemas.follows.events import Blocked, Muted, Unmuted
from schemas.ids import to_uuid
from tests import builders
from tests.builders import envelope
from tests.cluster.cable import Cable
from tests.cluster.query_backing import prepared
from tests.conftest import settings_of
from tests.query_world import World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    import httpx

    from infra.servers import Fleet
    from tests.cluster.query_backing import Servers

pytestmark = pytest.mark.cluster

ME, ANN, BOB = uid(0), uid(1), uid(2)
SECONDS = 20.0  # for what comes back by itself; it takes two


@pytest.fixture(scope="module")
def on_servers(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("query"), "cassandra")
    with running(("redis",), tmp_path_factory.mktemp("redis")) as redis, prepared(settings, redis) as backing:
        backing.cable = Cable(settings.cassandra_hosts)
        yield backing
        backing.cable.cut()


@pytest.fixture
async def world(tmp_path: Path, on_servers: Servers) -> AsyncIterator[World]:
    async with World(tmp_path, backing=on_servers) as made:
        people = [builders.registered(ME, "me"), builders.registered(ANN, "ann"), builders.registered(BOB, "bob")]
        await made.given(*people, builders.signed_in(ME), builders.followed(ME, ANN), builders.followed(ME, BOB))
        yield made


async def until(condition: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> float:
    """Return after how many seconds the condition held."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it is in other processes
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def bare(world: World, path: str, token: str | None = None) -> httpx.Response:
    """Ask without a token, or with this one."""
    client = world.client(ME)
    client.headers.pop(HEADER, None)
    return await client.get(path, headers={} if token is None else {HEADER: token})


async def test_a_query_waits_until_what_it_reads_has_passed_the_token(world: World) -> None:
    async def is_ready() -> bool:  # before, timelines are pulled, and not waited for
        return bool((await bare(world, "http://query/readyz")).json().get("status") == "ready")

    await until(is_ready)
    token = await world.publish(builders.posted(ANN, tweet_id(1)))
    asked = asyncio.create_task(bare(world, "/timeline/home?wait_ms=10000", token))
    for name in ("accounts", "tweets", "graph", "engagement", "home_timeline"):  # the last lets the answer go
        assert (await asyncio.wait({asked}, timeout=0.05))[0] == set()
        world.project(name)
    answer = await asked
    assert ids(answer.json()["tweets"]) == uuids(1)
    assert STALE_HEADER not in answer.headers
    assert "tweets=0" in answer.headers[LAG_HEADER]


async def test_whoever_holds_a_token_sees_counts_and_flags_as_they_are(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    for round_ in range(3):
        assert (await bare(world, f"/tweets/{uuids(1)[0]}")).json()["likes_count"] <= round_  # keeps the counts
        token = await world.publish(builders.liked(ME if round_ == 1 else uid(50 + round_), (tweet_id(1), ANN)))
        world.project()
        for path in (f"/tweets/{uuids(1)[0]}", "/timeline/home"):
            answer = (await bare(world, path, token)).json()
            tweet = answer["tweets"][0] if "tweets" in answer else answer
            assert (tweet["likes_count"], tweet["liked"]) == (round_ + 1, round_ >= 1)


async def test_whoever_holds_the_token_of_a_mute_sees_the_muted_no_more(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)), builders.posted(BOB, tweet_id(2)))
    for event, shown in (
        (Muted(envelope(), ME, ANN), (2,)),
        (Unmuted(envelope(), ME, ANN), (2, 1)),
        (Blocked(envelope(), BOB, ME), (1,)),
    ):
        token = await world.publish(event)
        world.project()
        answer = await bare(world, "/timeline/home", token)
        assert ids(answer.json()["tweets"]) == uuids(*shown)


async def test_without_a_token_a_query_is_behind_by_a_bound(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)), builders.posted(ANN, tweet_id(2)))

    async def home() -> Any:
        return (await bare(world, "/timeline/home")).json()["tweets"]

    async def is_counted() -> bool:
        return bool([tweet for tweet in await home() if tweet["likes_count"]])

    async def is_liked() -> bool:
        return bool([tweet for tweet in await home() if tweet["liked"]])

    async def is_deleted() -> bool:
        return (await bare(world, f"/tweets/{uuids(1)[0]}")).status_code == 404

    async def is_renamed() -> bool:
        return bool([tweet for tweet in await home() if tweet["user"]["display_name"] == "Ann B."])

    async def is_muted() -> bool:
        return not await home()

    slack = 5.0  # of a machine that does much else; the bounds themselves are held by tests with a clock of their own
    for event, condition, bound in (
        (builders.liked(BOB, (tweet_id(2), ANN)), is_counted, progress.LOOK_S),
        (builders.liked(ME, (tweet_id(2), ANN)), is_liked, progress.LOOK_S),
        (builders.deleted(ANN, tweet_id(1)), is_deleted, progress.LOOK_S),
        (ProfileEdited(envelope(), ANN, display_name="Ann B."), is_renamed, progress.LOOK_S),
        (Muted(envelope(), ME, ANN), is_muted, progress.LOOK_S),
    ):
        assert not await condition()
        await world.publish(event)
        world.project()
        assert await until(condition) < bound + slack


async def test_where_only_the_store_of_timelines_is_behind_a_token_they_are_pulled(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    token = await world.publish(builders.posted(BOB, tweet_id(2)))
    world.project("accounts", "tweets", "graph", "engagement")
    answer = await bare(world, "/timeline/home?wait_ms=1000", token)
    assert ids(answer.json()["tweets"]) == uuids(2, 1)
    assert STALE_HEADER not in answer.headers


async def test_a_hundred_who_ask_at_once_read_a_tweet_once(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    reader: Any = world.services.stores.readers().tweets
    asked: list[int] = []
    many = reader.many

    def counted(wanted: list[int]) -> Any:
        asked.extend(wanted)
        return many(wanted)

    reader.many = counted
    path = f"/tweets/{uuids(1)[0]}"
    answers = await asyncio.gather(*(bare(world, path) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert asked == [tweet_id(1)]


async def test_while_redis_is_away_or_empty_timelines_are_the_same(
    world: World, on_servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fallback, "TOLD_AFTER_S", 0.0)
    caplog.set_level(logging.INFO)
    await world.given(
        *(builders.posted(ANN if n % 2 else BOB, tweet_id(n)) for n in range(1, 8)),
        builders.posted(ANN, tweet_id(8), reply_to=(tweet_id(2), BOB)),
        builders.posted(ANN, tweet_id(9), reply_to=(tweet_id(2), uid(9))),
        builders.retweeted(BOB, tweet_id(10), (tweet_id(1), ANN)),
    )
    path = "/timeline/home?limit=4"

    async def ready() -> dict[str, Any]:
        answer: dict[str, Any] = (await bare(world, "http://query/readyz")).json()
        return answer

    async def is_ready() -> bool:
        return (await ready()).get("status") == "ready"

    async def is_degraded() -> bool:
        return (await ready()).get("status") == "degraded"

    await until(is_ready)
    before = (await bare(world, path)).content
    assert before.count(b'"tweet_id"') >= 4
    on_servers.redis.kill("redis")
    for _ in range(5):
        answer = await bare(world, path)
        assert (answer.status_code, answer.content) == (200, before)
    await until(is_degraded)
    assert (await ready())["parts"]["home_timeline"].startswith("Redis does not answer")
    on_servers.redis.start("redis")
    on_servers.empty_redis()
    for _ in range(30):
        assert (await bare(world, path)).content == before
        await asyncio.sleep(0.01)
    assert (await ready())["parts"]["home_timeline"] == "they are being rebuilt"
    assert "murmur_home_timeline_pulling 1.0" in (await bare(world, "http://query/metrics")).text
    world.stores["home_timeline"].close()
    world.open_stores(["home_timeline"])
    world.project("home_timeline")
    await until(is_ready)
    assert (await bare(world, path)).content == before
    assert "murmur_home_timeline_pulling 0.0" in (await bare(world, "http://query/metrics")).text
    told = [record.getMessage() for record in caplog.records if "home timelines are" in record.getMessage()]
    pulled, again = "home timelines are pulled", "home timelines are read from their store again"
    assert told in ([pulled, again], [pulled, again] * 2)  # twice where a look came before Redis was emptied


async def test_with_another_number_of_shards_than_the_store_has_timelines_are_pulled(
    world: World, on_servers: Servers
) -> None:
    await world.given(*(builders.posted(ANN if n % 2 else BOB, tweet_id(n)) for n in range(1, 8)))
    before = (await bare(world, "/timeline/home")).json()
    assert len(before["tweets"]) == 7
    services = on_servers.build(world.settings.model_copy(update={"redis_shards": 2}), None)
    world.app = create_app(services)

    async def says_so() -> bool:
        told = (await bare(world, "http://query/readyz")).json()
        why = "Redis has another store than is asked for: home timelines are in 3 shards, redis_shards is 2"
        return bool(told.get("status") == "degraded" and told["parts"]["home_timeline"] == why)

    try:
        await until(says_so)
        assert (await bare(world, "/timeline/home")).json() == before
    finally:
        services.close()


async def test_while_cassandra_is_away_queries_say_so_and_then_answer_again(
    world: World, on_servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = "/timeline/home"
    before = (await bare(world, path)).json()
    assert ids(before["tweets"]) == uuids(1)
    assert on_servers.cable is not None
    on_servers.cable.cut()
    kept = await bare(world, path)  # of what is kept, and for some seconds; the rest has to be read
    assert kept.status_code == 503 or kept.json() == before
    for asked in (f"/users/{to_uuid(ANN)}", f"/tweets/{uuids(1)[0]}/replies"):
        answer = await bare(world, asked)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready"), answer.text
        assert int(answer.headers["Retry-After"]) > 0

    async def says_so() -> bool:
        answer = await bare(world, "http://query/readyz")
        return answer.status_code == 503 and "tweets: Cassandra does not answer" in answer.json()["detail"]

    async def answers() -> bool:
        answer = await bare(world, path)
        return answer.status_code == 200 and answer.json() == before

    async def is_ready() -> bool:  # what looks at the store finds it by itself, and not before who asks does
        return (await bare(world, "http://query/readyz")).status_code == 200

    async def is_refused() -> bool:
        answer = await bare(world, path)
        return answer.status_code == 503 and answer.json()["code"] == "not_ready"

    await until(says_so)
    await until(is_refused)
    assert (await bare(world, "http://query/projections")).status_code == 200
    on_servers.cable.mend()
    await until(answers)
    await until(is_ready)
    ours = [record for record in caplog.records if record.name.startswith(("infra", "query_api"))]
    assert not [record for record in ours if record.exc_info]
