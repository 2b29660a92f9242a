"""Consistency tokens, lag, caches that are as fresh as the files, and files that come late or go away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import apsw
import pytest

from infra.consistency import HEADER
from infra.sqlite.connections import Durability, open_writer
from infra.sqlite.projection_store import generation_path
from query_api import stores
from query_api.app import create_app
from query_api.bootstrap import build
from query_api.reading import LAG_HEADER, STALE_HEADER
from schemas.ids import to_uuid
from tests import builders
from tests.query_world import NAMES, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ME, ANN = uid(0), uid(1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        people = [builders.registered(ME, "me"), builders.registered(ANN, "ann"), builders.followed(ME, ANN)]
        await made.given(*people)
        yield made


async def test_a_query_waits_until_what_it_reads_has_passed_the_token(world: World) -> None:
    token = await world.publish(builders.posted(ANN, tweet_id(1)))
    asked = asyncio.create_task(
        world.client(ME).get("/timeline/home", params={"wait_ms": 10_000}, headers={HEADER: token})
    )
    for name in ("accounts", "tweets", "graph", "engagement", "home_timeline"):  # the last lets the answer go
        assert (await asyncio.wait({asked}, timeout=0.02))[0] == set()
        world.project(name)
    answer = await asked
    assert ids(answer.json()["tweets"]) == uuids(1)
    assert STALE_HEADER not in answer.headers
    assert "tweets=0" in answer.headers[LAG_HEADER]


async def test_a_query_waits_only_for_what_it_reads(world: World) -> None:
    token = await world.publish(builders.posted(ANN, tweet_id(1)))
    world.project("tweets", "engagement")
    path, patience = f"/tweets/{uuids(1)[0]}", {"wait_ms": 10_000}
    answer = await world.client().get(path, params=patience, headers={HEADER: token})
    assert answer.status_code == 200
    assert STALE_HEADER not in answer.headers


async def test_a_refusal_for_want_of_what_was_waited_for_says_that_it_is_stale(world: World) -> None:
    token = await world.publish(builders.posted(ANN, tweet_id(1)))
    path, patience = f"/tweets/{uuids(1)[0]}", {"wait_ms": 0}
    answer = await world.client().get(path, params=patience, headers={HEADER: token})
    assert (answer.status_code, answer.json()["code"]) == (404, "tweet_not_found")
    assert answer.headers[STALE_HEADER] == "true"
    assert "tweets=1" in answer.headers[LAG_HEADER]


async def test_a_query_that_waits_in_vain_answers_with_what_it_has(world: World) -> None:
    token = await world.publish(builders.posted(ANN, tweet_id(1)))
    answer = await world.client(ME).get("/timeline/home", params={"wait_ms": 20}, headers={HEADER: token})
    assert (answer.status_code, answer.json()["tweets"]) == (200, [])
    assert answer.headers[STALE_HEADER] == "true"
    assert answer.headers[LAG_HEADER] == "home_timeline=1, tweets=1, accounts=0, graph=0, engagement=1"


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "A" * 600])
async def test_a_made_up_token_is_refused(world: World, token: str) -> None:
    answer = await world.client(ME).get("/timeline/home", headers={HEADER.encode(): token.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "consistency_token_invalid")


async def test_progress_is_told_per_partition_with_the_age_of_what_waits(world: World) -> None:
    await world.publish(builders.posted(ANN, tweet_id(1)))
    answer = (await world.client().get("http://query/projections")).json()
    by_name = {one["projection"]: one for one in answer["projections"]}
    assert set(by_name) == set(NAMES)
    assert (by_name["accounts"]["lag_events"], by_name["accounts"]["lag_seconds"]) == (0, 0.0)
    behind = by_name["tweets"]
    assert (behind["ready"], behind["generation"], behind["lag_events"]) == (True, 1, 1)
    assert 0 <= behind["lag_seconds"] < 60  # since it was appended: its event is of 2023
    assert sum(part["end"] - part["position"] for part in behind["partitions"]) == 1


async def test_metrics_count_cache_hits_and_lag(world: World) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    for _ in range(3):
        await world.get(f"/tweets/{uuids(1)[0]}")
    metrics = (await world.client().get("http://query/metrics")).text
    assert 'murmur_cache_hits_total{cache="tweets"} 2.0' in metrics
    assert 'murmur_cache_misses_total{cache="tweets"} 1.0' in metrics
    assert 'murmur_projection_lag_events{projection="tweets"} 0.0' in metrics


async def test_a_process_that_starts_first_waits_for_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOOK_SECONDS", 0.0)
    async with World(tmp_path / "made") as made:
        early = made.settings.model_copy(update={"data_dir": tmp_path / "later"})
        services = build(early)
        made.app = create_app(services)
        assert (await made.client().get("http://query/healthz")).status_code == 200
        answer = await made.client().get("http://query/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "tweets: its file does not exist yet" in answer.json()["detail"]
        assert await made.refused(f"/users/{to_uuid(ANN)}") == (503, "not_ready")
        for name in NAMES:  # a file comes before its tables
            path = generation_path(early.projections_dir, name)
            path.parent.mkdir(parents=True)
            open_writer(path, Durability.NORMAL).close()
        assert await made.refused(f"/users/{to_uuid(ANN)}") == (503, "not_ready")
        async with World(early.data_dir) as came:
            await came.given(builders.registered(ANN, "ann"))
            assert (await made.client().get("http://query/readyz")).status_code == 200
            assert (await made.get(f"/users/{to_uuid(ANN)}"))["username"] == "ann"
        services.close()


async def test_a_store_that_is_wiped_and_rebuilt_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOOK_SECONDS", 0.0)
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = f"/tweets/{uuids(1)[0]}"
    before = await world.get(path)
    world.stores["tweets"].close()
    for file in generation_path(world.settings.projections_dir, "tweets").parent.iterdir():
        file.unlink()
    assert await world.refused(path) == (503, "not_ready")
    world.open_stores(["tweets"])
    assert await world.refused(path) == (404, "tweet_not_found")
    world.project()
    assert await world.get(path) == before


async def test_a_reader_that_fails_is_opened_again(world: World) -> None:
    path = f"/users/{to_uuid(ANN)}"
    before = await world.get(path)
    source = world.services.stores._sources["accounts"]
    assert source.reader is not None
    source.reader._connection.close()
    assert await world.refused(path) == (503, "not_ready")
    assert await world.get(path) == before


async def test_a_lag_that_cannot_be_sampled_is_sampled_again(world: World) -> None:
    world.services.stores.readers()
    source = world.services.stores._sources["accounts"]
    assert source.reader is not None
    source.reader._connection.close()
    with pytest.raises(apsw.Error):
        world.services.lag.header(["accounts"])
    world.services.stores.close("it failed")
    assert world.services.lag.header(["accounts"]) == "accounts=0"


async def test_the_readers_cannot_write(world: World) -> None:
    world.services.stores.readers()
    for source in world.services.stores._sources.values():
        assert source.reader is not None
        connection: apsw.Connection = source.reader._connection
        with pytest.raises(apsw.ReadOnlyError):
            connection.execute("CREATE TABLE mine (x)").fetchall()
