"""Reads between whose beginning and end other things happen, on purpose."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from infra import bridge
from infra.loading import Loading
from infra.recent import Recent


class SlowStore:
    """Answers with what it held when it was asked, once it is told to."""

    def __init__(self, held: dict[int, str]) -> None:
        self.held = held
        self.asked: list[list[int]] = []
        self.answers: list[tuple[Future[None], dict[int, str]]] = []

    def read(self, ids: list[int]) -> dict[int, str]:
        self.asked.append(ids)
        gate: Future[None] = Future()
        answer = {one: self.held[one] for one in ids if one in self.held}
        self.answers.append((gate, answer))
        bridge.wait(gate)
        return answer

    async def asked_times(self, times: int) -> None:
        async with asyncio.timeout(30):
            while len(self.asked) < times:  # noqa: ASYNC110 - what is waited for announces nothing
                await asyncio.sleep(0)

    def answer(self, nth: int) -> None:
        self.answers[nth][0].set_result(None)


def loading(store: SlowStore) -> tuple[Loading[str], Recent[str]]:
    kept: Recent[str] = Recent(300)
    return Loading(kept, store.read, bridge.wait), kept


def ask(one: Loading[str], *ids: int) -> asyncio.Task[dict[int, str]]:
    async def call() -> dict[int, str]:
        return one.load(ids)

    async def task() -> dict[int, str]:
        return await bridge.bridged(call())

    return asyncio.create_task(task())


async def test_what_many_ask_for_at_once_is_read_once() -> None:
    store = SlowStore({1: "one", 2: "two", 3: "three"})
    one, _ = loading(store)
    first = ask(one, 1, 2)
    await store.asked_times(1)
    others = [ask(one, 2, 1) for _ in range(50)]
    beside = ask(one, 2, 3)
    await store.asked_times(2)
    store.answer(0)
    store.answer(1)
    assert await first == {1: "one", 2: "two"}
    assert await asyncio.gather(*others) == [{1: "one", 2: "two"}] * 50
    assert await beside == {2: "two", 3: "three"}
    assert store.asked == [[1, 2], [3]]


async def test_what_was_read_before_a_drop_is_not_kept_after_it() -> None:
    store = SlowStore({1: "old", 2: "same"})
    one, kept = loading(store)
    reader = ask(one, 1, 2)
    await store.asked_times(1)
    store.held[1] = "new"
    one.drop([1])
    store.answer(0)
    assert await reader == {1: "old", 2: "same"}  # it asked before
    assert kept.take([1, 2]) == ({2: "same"}, [1])


async def test_who_asks_after_a_drop_does_not_join_a_read_from_before_it() -> None:
    store = SlowStore({1: "old"})
    one, kept = loading(store)
    before = ask(one, 1)
    await store.asked_times(1)
    store.held[1] = "new"
    one.drop([1])
    after = ask(one, 1)
    await store.asked_times(2)
    store.answer(1)
    assert await after == {1: "new"}
    store.answer(0)
    assert await before == {1: "old"}
    assert kept.take([1]) == ({1: "new"}, [])


async def test_what_anothers_read_did_not_find_is_read_again() -> None:
    store = SlowStore({})
    one, _ = loading(store)
    early = ask(one, 1)
    await store.asked_times(1)
    store.held[1] = "came"
    late = ask(one, 1)
    await asyncio.sleep(0)
    store.answer(0)
    await store.asked_times(2)
    store.answer(1)
    assert (await early, await late) == ({}, {1: "came"})


async def test_a_read_that_fails_or_is_given_up_is_read_again_by_those_who_joined_it() -> None:
    store = SlowStore({1: "one"})
    one, _ = loading(store)
    first = ask(one, 1)
    await store.asked_times(1)
    joined, impatient = ask(one, 1), ask(one, 1)
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await store.asked_times(2)
    store.answer(1)
    assert await joined == {1: "one"}


async def test_nothing_is_kept_while_changes_are_not_told() -> None:
    store = SlowStore({1: "one"})
    one, kept = loading(store)
    one.rely(told=True)
    reader = ask(one, 1)
    await store.asked_times(1)
    one.rely(told=False)
    store.answer(0)
    assert await reader == {1: "one"}
    assert kept.take([1]) == ({}, [1])
