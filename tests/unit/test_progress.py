"""Looks at stores on servers: what is known, who waits, what caches hear and when."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from infra import progress
from infra.generations.reading import Reading
from infra.generations.record import unrecorded
from infra.log.port import Position, TopicPartition
from infra.progress import Part, Progress, ServerSource
from infra.projections import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

PLACE = TopicPartition("tweets", 0)
BEYOND = [Position("tweets", 0, 4)]


class HandFedStore:
    """An engine with one projection, and a cache of it."""

    def __init__(self) -> None:
        self.applied = 0
        self.looks = 0
        self.away = False
        self.heard: list[str] = []

    def read(self) -> dict[str, dict[TopicPartition, int]]:
        self.looks += 1
        if self.away:
            raise StoreUnavailableError("away")
        return {"tweets": {PLACE: self.applied}}

    def checkpoints(self) -> dict[TopicPartition, int]:
        return self.read()["tweets"]

    def refresh(self) -> None:
        self.heard.append(f"changes up to {self.applied}")

    def rely(self, told: bool) -> None:
        self.heard.append("told" if told else "silent")


@asynccontextmanager
async def followed(store: HandFedStore) -> AsyncIterator[Progress]:
    made = Progress([Part("a store", ("tweets",), store.read)])
    made.tell("tweets", store)
    made.start()
    try:
        yield made
    finally:
        made.close()


async def until(condition: object, seconds: float = 30.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for announces nothing
            await asyncio.sleep(0.005)


async def test_all_who_wait_hang_on_one_look() -> None:
    store = HandFedStore()
    async with followed(store) as made:
        waits = [asyncio.create_task(made.until_passed("tweets", BEYOND, 30)) for _ in range(100)]
        await until(lambda: store.looks > 2)
        before = store.looks
        store.applied = 5
        assert all(await asyncio.gather(*waits))
        assert store.looks - before <= 2
        assert await made.until_passed("tweets", BEYOND, 0)


async def test_who_waits_is_looked_for_more_often_than_who_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HandFedStore()
    async with followed(store) as made:
        await until(lambda: made.checkpoints("tweets") == {PLACE: 0})
        before, began = store.looks, time.monotonic()
        await asyncio.sleep(3 * progress.LOOK_S)
        assert store.looks - before <= (time.monotonic() - began) / progress.LOOK_S + 1
        monkeypatch.setattr(progress, "LOOK_S", 3_600.0)
        waiting, before = asyncio.create_task(made.until_passed("tweets", BEYOND, 30)), store.looks
        await until(lambda: store.looks - before > 5)
        store.applied = 5
        assert await waiting


async def test_caches_hear_what_changed_before_the_checkpoint_is_known() -> None:
    store = HandFedStore()
    async with followed(store) as made:
        waiting = asyncio.create_task(made.until_passed("tweets", BEYOND, 30))
        await until(lambda: store.looks)
        store.applied = 5
        assert await waiting
        assert "changes up to 5" in store.heard


async def test_a_store_that_is_away_says_so_and_what_was_known_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0.15)
    store = HandFedStore()
    store.applied = 3
    async with followed(store) as made:
        source = ServerSource(Reading("tweets", lambda _: store, 1, unrecorded("tweets")), made)
        assert source.reason == "it was not asked yet"
        await until(lambda: not source.reason)
        assert store.heard[0] == "silent"
        await until(lambda: store.heard[-1] == "told")  # silence is short here: a busy machine keeps it, too
        store.away = True
        await until(lambda: source.reason)
        assert source.reason == "a store does not answer (StoreUnavailableError)"
        assert source.checkpoints() == {PLACE: 3}
        await until(lambda: store.heard[-1] == "silent")
        store.away, store.applied = False, 4
        await until(lambda: source.checkpoints() == {PLACE: 4})
        await until(lambda: store.heard[-1] == "told")
        assert (source.reason, store.heard[-2]) == ("", "changes up to 4")


async def test_a_look_that_fails_in_an_unforeseen_way_is_not_the_last() -> None:
    store = HandFedStore()

    def broken() -> dict[str, dict[TopicPartition, int]]:
        if store.looks < 2:
            store.looks += 1
            raise ValueError("unforeseen")
        return store.read()

    made = Progress([Part("a store", ("tweets",), broken)])
    made.start()
    await until(lambda: made.checkpoints("tweets") is not None)
    made.close()


def test_outside_of_an_event_loop_nothing_is_followed() -> None:
    Progress([Part("a store", ("tweets",), HandFedStore().read)]).start()


async def test_after_a_long_time_without_a_look_caches_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0.5)
    store = HandFedStore()
    async with followed(store) as made:
        await until(lambda: made.checkpoints("tweets") is not None)
        store.heard.clear()
        time.sleep(0.6)  # noqa: ASYNC251 - a process that is stopped hears no timers either
        await until(lambda: "told" in store.heard)
        assert store.heard[0] == "silent"
