"""Readers follow the pointer to a projection's generation: at once, without an error, and without a step back."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra import sources
from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.generations.record import State
from infra.log.port import Span
from infra.sqlite.projection_store import generation_path
from query_api import stores
from schemas.codec import decode
from streams.projections import PROJECTIONS
from tests import builders
from tests.query_world import World, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from infra.projections import ProjectionStore

ANN = uid(1)
TWEETS = next(it for it in PROJECTIONS if it.name == "tweets")


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOOK_SECONDS", 0.0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        await made.given(builders.registered(ANN, "ann"))
        yield made


@pytest.fixture
def generations(world: World) -> Generations:
    return Generations(FileGenerations(world.settings.projections_dir), SystemClock())


@pytest.fixture
def second(world: World, generations: Generations) -> Iterator[ProjectionStore]:
    """Return the store of another generation, followed and trusted, that has applied nothing yet."""
    number = generations.begin("tweets", TWEETS.schema_version)
    generations.mark("tweets", number, State.FOLLOWING)
    path = generation_path(world.settings.projections_dir, "tweets", number)
    with closing(TWEETS.open_store(path, world.log.log_id, world.settings)) as store:
        yield store


def catch_up(world: World, store: ProjectionStore, *, spoiled: bool = False) -> None:
    """Apply all of the log; spoiled: so that it shows of which generation a tweet is read."""
    for partition in range(world.log.partitions("tweets")):
        if batch := world.log.read("tweets", partition, 0, 1000):
            events = [decode(value) for value in batch.values]
            writes = [it._replace(body=b'"content":"second"') if spoiled and hasattr(it, "body") else it
                      for it in TWEETS.project(events)]  # fmt: skip
            store.apply(writes, Span("tweets", partition, 0, batch.next_offset))


async def generation_of(world: World) -> dict[str, Any]:
    told = (await world.client().get("http://query/projections")).json()["projections"]
    return next(it for it in told if it["projection"] == "tweets")


async def test_the_promoted_generation_is_read_and_after_a_roll_back_the_one_before(
    world: World, generations: Generations, second: ProjectionStore
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = f"/tweets/{uuids(1)[0]}"
    before = await world.get(path)
    catch_up(world, second, spoiled=True)
    generations.promote("tweets", 2, force=True)
    assert (await world.get(path))["content"] == "second"
    told = await generation_of(world)
    assert (told["generation"], told["active"], [it["generation"] for it in told["generations"]]) == (2, 2, [1, 2])
    generations.rollback("tweets")
    assert await world.get(path) == before
    assert (await generation_of(world))["generation"] == 1


async def test_what_is_kept_of_tweets_outlives_another_projections_swap(
    world: World, generations: Generations, second: ProjectionStore
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = f"/tweets/{uuids(1)[0]}"
    await world.get(path)
    stores_, kept = world.services.stores, world.services.stores.kept_tweets
    authors = stores_.kept_authors
    assert len(kept) == 1
    catch_up(world, second)
    generations.promote("tweets", 2, force=True)
    await world.get(path)
    assert stores_.kept_tweets is not kept
    assert stores_.kept_authors is authors


async def test_readers_wait_for_a_generation_that_is_behind_the_one_they_read(
    world: World, generations: Generations, second: ProjectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 3600.0)
    await world.given(builders.posted(ANN, tweet_id(1)))
    path = f"/tweets/{uuids(1)[0]}"
    before = await world.get(path)
    generations.promote("tweets", 2, force=True)
    assert await world.get(path) == before
    assert (await generation_of(world))["generation"] == 1
    catch_up(world, second)
    assert await world.get(path) == before
    assert (await generation_of(world))["generation"] == 2


@pytest.mark.usefixtures("second")
async def test_readers_do_not_wait_for_ever(
    world: World, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.0)
    await world.given(builders.posted(ANN, tweet_id(1)))
    generations.promote("tweets", 2, force=True)
    assert await world.refused(f"/tweets/{uuids(1)[0]}") == (404, "tweet_not_found")


async def test_a_consistency_token_holds_over_a_swap(
    world: World, generations: Generations, second: ProjectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.0)
    await world.given(builders.posted(ANN, tweet_id(1)))
    token = await world.publish(builders.posted(ANN, tweet_id(2)))
    world.project()
    generations.promote("tweets", 2, force=True)
    answer = await world.client().get(f"/tweets/{uuids(2)[0]}?wait_ms=0", headers={"X-Consistency-Token": token})
    assert (answer.status_code, answer.headers.get("X-Stale")) == (404, "true")
    catch_up(world, second)
    answer = await world.client().get(f"/tweets/{uuids(2)[0]}", headers={"X-Consistency-Token": token})
    assert (answer.status_code, answer.headers.get("X-Stale")) == (200, None)


async def test_what_this_program_cannot_read_is_passed_by_for_what_it_can(
    world: World, generations: Generations
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    number = generations.begin("tweets", TWEETS.schema_version + 1)
    generations.mark("tweets", number, State.FOLLOWING)
    generations.promote("tweets", number, force=True)
    await world.get(f"/tweets/{uuids(1)[0]}")
    told = await generation_of(world)
    assert (told["generation"], told["active"]) == (1, 2)
    generations.drop("tweets", 1, also_previous=True)
    assert await world.refused(f"/tweets/{uuids(1)[0]}") == (503, "not_ready")
    ready = await world.client().get("http://query/readyz")
    assert "tweets: generation 2 is of another version of this program" in ready.json()["detail"]


async def test_a_file_of_another_version_is_not_read_whatever_is_on_record(
    world: World, generations: Generations
) -> None:
    await world.given(builders.posted(ANN, tweet_id(1)))
    number = generations.begin("tweets", TWEETS.schema_version)
    generations.mark("tweets", number, State.FOLLOWING)
    newer = type("Newer", (type(world.stores["tweets"]),), {"SCHEMA_VERSION": TWEETS.schema_version + 1})
    with closing(newer(generation_path(world.settings.projections_dir, "tweets", number), world.log.log_id)):
        generations.promote("tweets", number, force=True)
        await world.get(f"/tweets/{uuids(1)[0]}")
        assert (await generation_of(world))["generation"] == 1
