"""The same over WebSockets, and what ends one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import websockets

from query_api.live import sockets
from query_api.live.counters import MOST_WATCHED
from schemas.ids import to_uuid
from tests import builders
from tests.query_world import tweet_id, uid

if TYPE_CHECKING:
    from tests.live_world import LiveWorld

ME, ANN, BOB, EVE = (uid(n) for n in range(4))


async def test_a_socket_tells_what_a_stream_tells(world: LiveWorld) -> None:
    async with world.socket(ME) as first:
        assert (await first.next()).event == "ready"
        await world.say(builders.posted(ANN, tweet_id(2)))
        heard = await first.next()
        assert (heard.event, heard.data["tweet_id"]) == ("new_tweet", to_uuid(tweet_id(2)))
    await world.say(builders.posted(ANN, tweet_id(3)))
    async with world.socket(ME, f"last_event_id={heard.event_id}") as second:
        missed = await second.next()
        assert (missed.event, missed.data["tweet_id"]) == ("new_tweet", to_uuid(tweet_id(3)))
        assert (await second.next()).event == "ready"


async def test_a_client_says_which_tweets_it_shows(world: LiveWorld) -> None:
    async with world.socket(ME) as socket:
        await socket.next("ready")
        await socket.say(op="watch", tweet_ids=[to_uuid(tweet_id(1))])
        assert (await socket.next()).data["likes_count"] == 0
        await world.say(builders.liked(ANN, (tweet_id(1), BOB)))
        world.project()
        assert (await socket.next()).data["likes_count"] == 1
        await socket.say(op="unwatch", tweet_ids=[to_uuid(tweet_id(1))])
        await socket.say(op="ping")
        assert (await socket.next()).event == "pong"


NAMES = [to_uuid(tweet_id(n)) for n in range(MOST_WATCHED + 1)]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x00\x01", 1003),
        ("x" * 20_000, 1009),
        ("not JSON", 4400),
        ('{"op": "dance"}', 4400),
        ('{"op": "ping", "more": 1}', 4400),
        ('{"op": "watch", "tweet_ids": ["x"]}', 4400),
        ('{"op": "watch", "tweet_ids": [1]}', 4400),
        ('{"op": "watch", "tweet_ids": ["' + '","'.join(NAMES) + '"]}', 4400),
        ("[" * 5_000, 4400),
    ],
)
async def test_what_is_not_ours_ends_the_connection_with_a_code(world: LiveWorld, said: str | bytes, code: int) -> None:
    async with world.socket(ME) as socket:
        await socket.next("ready")
        await socket.connection.send(said)
        assert (await socket.closed())[0] == code


async def test_a_socket_watches_no_more_than_a_page(world: LiveWorld) -> None:
    async with world.socket(ME) as socket:
        await socket.say(op="watch", tweet_ids=NAMES[:-1])
        await socket.say(op="watch", tweet_ids=NAMES[-1:])
        assert (await socket.closed())[0] == sockets.Code.TOO_MUCH


async def test_a_client_that_says_too_much_is_sent_away(world: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SAID_S", 600.0)
    async with world.socket(ME) as socket:
        for _ in range(sockets.MOST_SAID + 1):
            await socket.say(op="ping")
        assert (await socket.closed())[0] == sockets.Code.TOO_MUCH


async def test_a_socket_is_refused_like_a_query(world: LiveWorld) -> None:
    for path, status in (("/api/v1/stream", 401), ("/api/v1/stream?streams=x", 400), ("/api/v1/timeline/home", 404)):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(f"ws://127.0.0.1:{world.port}{path}"):
                pass
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["Content-Type"] == "application/problem+json"
