"""Who may open a stream, how long it lasts, and what it is told when it comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from infra.auth.keys import KeyRing
from infra.auth.scopes import FIRST_PARTY
from infra.auth.tickets import StreamTickets
from infra.auth.tokens import Subject
from infra.clock import SystemClock
from infra.projections import StoreUnavailableError
from query_api.live import missed
from query_api.live import streams as event_streams
from query_api.live.tail import FileTail
from schemas.ids import to_uuid
from tests import builders
from tests.live_world import LiveWorld, live_world
from tests.query_world import SESSION, World, tweet_id, uid
from tests.stream_clients import STREAM
from tests.waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from query_api.live.positions import Positions

ME, ANN, BOB, EVE = (uid(n) for n in range(4))
FOR_EVER_MS = 1 << 50
BUSY_S = 2.0  # what a busy machine may take besides


def ticket(world: LiveWorld, until_ms: int = FOR_EVER_MS) -> str:
    keys = KeyRing(world.settings.keys_dir)
    return StreamTickets(keys, SystemClock()).issue(Subject(ME, SESSION, FIRST_PARTY, until_ms))


async def refused(
    world: LiveWorld, status: int, code: str, headers: dict[str, str] | None = None, **params: Any
) -> None:
    answer = await world.http.get(STREAM, params=params, headers=headers or {})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def bearer(world: LiveWorld) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.token(ME)}"}


async def test_a_ticket_opens_one_stream(world: LiveWorld) -> None:
    one = ticket(world)
    async with world.http.stream("GET", STREAM, params={"ticket": one}) as response:
        assert response.status_code == 200
        await refused(world, 401, "ticket_invalid", ticket=one)


async def test_what_is_no_ticket_opens_none(world: LiveWorld) -> None:
    good = ticket(world)
    await refused(world, 401, "ticket_invalid", ticket=good[:-4] + "AAAA")
    await refused(world, 401, "ticket_invalid", ticket=world.token(ME))
    await refused(world, 401, "ticket_invalid", ticket=ticket(world, until_ms=1))
    await refused(world, 401, "token_invalid", {"Authorization": f"Bearer {good}"})
    await refused(world, 401, "token_missing")


async def test_bad_requests_are_told_what_is_wrong(world: LiveWorld) -> None:
    mine = bearer(world)
    await refused(world, 400, "event_id_invalid", {**mine, "Last-Event-ID": "made-up"})
    await refused(world, 400, "event_id_invalid", mine, last_event_id="AQAAAQABALRQGq5dMFcY")
    await refused(world, 400, "parameter_invalid", mine, streams="home,everything")
    await refused(world, 400, "parameter_invalid", mine, streams="counters", tweet_ids="x")
    await refused(world, 400, "parameter_invalid", mine, streams="trends", woeid=123456)
    many = ",".join(to_uuid(tweet_id(n)) for n in range(1_000))
    await refused(world, 400, "parameter_invalid", mine, streams="counters", tweet_ids=many)
    assert (await world.http.post(STREAM, headers=mine)).status_code == 405
    assert (await world.http.head(STREAM, headers=mine)).status_code == 200
    assert world.live.doors.inside == 0


async def test_a_revoked_session_is_told_nothing_more(world: LiveWorld, streams: AsyncExitStack) -> None:
    mine, other = await world.opened(ME, streams), await world.opened(ME, streams, session_id=2)
    world.services.revocations.add(SESSION)
    began = time.monotonic()
    assert [(it.event, it.data) for it in await mine.ended()] == [("closing", {"reason": "session_ended"})]
    assert time.monotonic() - began < 1 + BUSY_S
    await world.say(builders.posted(ANN, tweet_id(2)))
    assert (await other.next()).event == "new_tweet"


async def test_a_stream_ends_with_the_token(world: LiveWorld) -> None:
    until_ms = SystemClock().now_ms() + 3_000  # by then it must be open
    async with world.http.stream("GET", STREAM, params={"ticket": ticket(world, until_ms)}) as response:
        assert "token_expired" in (await response.aread()).decode()
        assert until_ms <= SystemClock().now_ms()


async def test_a_stop_sends_readers_away_to_come_back(tmp_path: Path) -> None:
    async with AsyncExitStack() as streams, live_world(tmp_path) as world:
        mine = await world.opened(ME, streams)
        world.live.drain()
        assert [it.data for it in await mine.ended()] == [{"reason": "restarting"}]


async def test_an_account_and_an_address_have_only_so_many_streams(tmp_path: Path) -> None:
    limits: dict[str, Any] = {
        "rate_limits": True,
        "live_streams_per_account": 2,
        "live_streams_per_address": 3,
        "live_streams": 9,
    }
    async with LiveWorld(tmp_path, **limits) as world, AsyncExitStack() as streams:
        held = [await world.opened(user, streams) for user in (ME, ME, ANN)]
        await refused(world, 429, "too_many_streams", bearer(world))
        other = {"Authorization": f"Bearer {world.token(BOB)}"}
        await refused(world, 429, "too_many_streams", other)
        del held
        await streams.aclose()
        await soon(lambda: not world.live.doors.inside)
        async with world.events(BOB) as again:
            assert (await again.next()).event == "ready"
        await soon(lambda: not world.live.doors.inside)
        assert world.live.hub is not None
        assert not world.live.hub.index.viewers


async def test_a_process_holds_only_so_many_streams(tmp_path: Path) -> None:
    async with live_world(tmp_path, live_streams=1) as world, world.events(ME):
        await refused(world, 503, "overloaded", bearer(world))


async def test_who_comes_back_is_told_what_was_missed_once(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.say(builders.posted(ANN, tweet_id(2)), builders.posted(ME, tweet_id(3)))
    first = await mine.next()
    missed_here = (await mine.next()).data["tweet_id"]
    await anywhere.say(
        builders.posted(ANN, tweet_id(4)),
        builders.posted(BOB, tweet_id(5)),
        builders.posted(ANN, tweet_id(6)),
        builders.deleted(ANN, tweet_id(6)),
    )
    async with anywhere.events(ME, since=first.event_id) as again:
        told = [await again.next() for _ in range(4)]
    assert sorted(it.event for it in told[:3]) == ["new_tweet", "new_tweet", "tweet_deleted"]
    assert told[3].event == "ready"
    assert {it.data["tweet_id"] for it in told[:3]} == {missed_here, to_uuid(tweet_id(4)), to_uuid(tweet_id(6))}
    async with anywhere.events(ME, since=told[0].event_id) as third:
        assert [(await third.next()).event_id for _ in range(3)] == [it.event_id for it in told[1:]]


async def test_who_missed_too_much_is_told_to_ask(world: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.events(ME) as mine:
        begun = (await mine.next()).event_id
    monkeypatch.setattr(missed, "MOST_MISSED", 2)
    await world.say(*(builders.posted(ANN, tweet_id(n)) for n in range(2, 5)))
    async with world.events(ME, since=begun) as again:
        reset = await again.next()
        assert reset.event == "reset"
        await world.say(builders.posted(ANN, tweet_id(9)))
        assert (await again.next()).data["tweet_id"] == to_uuid(tweet_id(9))


async def test_an_id_from_before_what_is_kept_is_too_old(tmp_path: Path) -> None:
    async with live_world(tmp_path, live_records=100) as world:
        async with world.events(ME) as mine:
            begun = (await mine.next()).event_id
        await world.say(*(builders.posted(ANN, tweet_id(n)) for n in range(150)))
        async with world.events(ME, since=begun) as again:
            assert (await again.next()).event == "reset"


async def test_an_id_that_another_process_gave_ahead_of_this_one_is_waited_for(world: LiveWorld) -> None:
    hub = world.live.hub
    assert hub is not None
    ahead = dict(hub.positions.at)
    for place in hub.at:
        if place.topic == "tweets":
            ahead[place] += 1
    opening = asyncio.create_task(_first(world, hub.positions, ahead))
    await asyncio.sleep(0)
    await world.say(*(builders.posted(uid(n), tweet_id(2 + n)) for n in range(8)))
    assert await opening in {"ready", "new_tweet"}


async def _first(world: LiveWorld, positions: Positions, vector: Any) -> str:
    async with world.events(ME, since=positions.text_of(vector)) as mine:
        return (await mine.next()).event


async def test_streams_wait_while_a_read_model_does_not_answer(world: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await world.opened(ME, streams)
    hub = world.live.hub
    assert hub is not None
    really, away = hub.fresh, [StoreUnavailableError("away")] * 2

    def fresh(*asked: Any) -> Any:
        if away:
            raise away.pop()
        return really(*asked)

    hub.fresh = fresh
    await world.say(builders.posted(ANN, tweet_id(2)))
    assert (await mine.next()).data["tweet_id"] == to_uuid(tweet_id(2))
    assert not away


async def test_a_reader_who_stops_is_given_up_and_holds_up_nobody(
    world: LiveWorld, streams: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "ABORT_S", 0.2)
    mine = await world.opened(ME, streams)
    stopped = socket.create_connection(("127.0.0.1", world.port))
    stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stopped.sendall(
        f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer(world)['Authorization']}\r\n\r\n".encode()
    )
    live = world.live
    with stopped:
        await soon(lambda: len(live.streams) == 2)
        number = 2
        while len(live.streams) == 2:
            await world.say(*(builders.posted(ANN, tweet_id(number + n), "x" * 280) for n in range(20)))
            number += 20
            assert number < 2_000
        told = [await mine.next("new_tweet") for _ in range(number - 2)]
        assert len({it.data["tweet_id"] for it in told}) == number - 2
        await soon(lambda: live.doors.inside == 1)


async def test_a_process_that_an_error_ends_stops_listening_all_the_same(tmp_path: Path) -> None:
    async with World(tmp_path) as made:
        tail = made.services.live.log._tail
        assert isinstance(tail, FileTail)

        async def serve() -> None:
            async with made.app.router.lifespan_context(made.app):
                await soon(lambda: made.services.live.hub is not None)
                assert tail._bell is not None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await serve()
        assert tail._bell is None
