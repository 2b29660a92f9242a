"""What streams of notifications, counters and trends tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.clock import SystemClock
from infra.projections import StoreUnavailableError
from query_api.live import following, watch
from query_api.notifications import response
from query_api.trends import board
from schemas.follows.events import Blocked
from schemas.ids import to_uuid
from schemas.tweets.events import TweetPosted
from tests import builders
from tests.builders import envelope
from tests.query_world import tweet_id, uid
from tests.waiting import soon

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    import pytest

    from tests.live_world import LiveWorld

ME, ANN, BOB, EVE = (uid(n) for n in range(4))
OF_BOB = (tweet_id(1), BOB)


async def test_notifications_are_told_when_the_list_has_them(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    bob = await anywhere.opened(BOB, streams, streams="notifications")
    await anywhere.say(builders.liked(ME, OF_BOB), builders.followed(ANN, BOB), builders.posted(ANN, tweet_id(2)))
    anywhere.project()
    told = [(await bob.next("notification")).data for _ in range(2)]
    listed = (await anywhere.get("/notifications", BOB))["notifications"]
    assert sorted(told, key=lambda it: it["kind"]) == sorted(listed, key=lambda it: it["kind"])
    await anywhere.say(builders.liked(ANN, OF_BOB))
    anywhere.project()
    grouped = (await bob.next()).data
    assert (grouped["kind"], grouped["actors_count"]) == ("like", 2)


async def test_notifications_that_were_missed_are_told_once(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    """A message's id says how far notices were told, which is behind what it tells of tweets."""
    both: dict[str, Any] = {"streams": "home,notifications"}
    await anywhere.given(builders.followed(BOB, ANN))
    bob = await anywhere.opened(BOB, streams, **both)
    await anywhere.say(builders.liked(ME, OF_BOB), builders.posted(ANN, tweet_id(2)))
    early = await bob.next("new_tweet")
    anywhere.project()
    liked = await bob.next("notification")
    await anywhere.say(builders.followed(EVE, BOB), builders.posted(ANN, tweet_id(3)))
    anywhere.project()
    seen = {(await bob.next()).data.get("kind", "tweet") for _ in range(2)}
    assert (liked.data["kind"], seen) == ("like", {"follow", "tweet"})
    missed_since = ((early, ["follow", "like", "tweet"]), (liked, ["follow", "tweet"]))
    for since, missed in (*missed_since, *missed_since):
        async with anywhere.events(BOB, since=since.event_id, **both) as again:
            told = [await again.next() for _ in missed]
            assert sorted(it.data.get("kind", "tweet") for it in told) == missed
            assert (await again.next()).event == "ready"
        if since is missed_since[1][0]:  # the rest is asked for by the only one who listens
            await streams.aclose()
            await soon(lambda: not anywhere.live.streams)
            await anywhere.say(builders.posted(EVE, tweet_id(9)))


async def test_whom_the_recipient_hides_is_not_told_of(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    bob = await anywhere.opened(BOB, streams, streams="notifications")
    await anywhere.say(Blocked(envelope(), BOB, EVE))
    await anywhere.say(builders.liked(EVE, OF_BOB), builders.liked(ME, OF_BOB))
    anywhere.project()
    told = (await bob.next()).data
    assert [actor["user_id"] for actor in told["actors"]] == [to_uuid(ME)]


async def test_a_notification_is_told_although_a_read_failed(
    world: LiveWorld, streams: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AGAIN_S", 0.05)
    really, away = response.live, [StoreUnavailableError("away")] * 2

    def live(*asked: Any) -> bytes | None:
        if away:
            raise away.pop()
        return really(*asked)

    monkeypatch.setattr(response, "live", live)
    bob = await world.opened(BOB, streams, streams="notifications")
    await world.say(builders.liked(ME, OF_BOB))
    world.project()
    assert (await bob.next()).data["kind"] == "like"
    assert not away


async def test_counters_of_watched_tweets_are_told_as_they_are_and_as_they_change(
    anywhere: LiveWorld, streams: AsyncExitStack
) -> None:
    named = to_uuid(OF_BOB[0])
    mine = await anywhere.opened(ME, streams, streams="counters", tweet_ids=named)
    assert (await mine.next()).data == {
        "tweet_id": named, "likes_count": 0, "retweets_count": 0, "replies_count": 0, "quotes_count": 0
    }  # fmt: skip
    await anywhere.say(
        builders.liked(ANN, OF_BOB),
        builders.liked(EVE, OF_BOB),
        builders.retweeted(ANN, tweet_id(3), OF_BOB),
        builders.posted(EVE, tweet_id(4), reply_to=OF_BOB, quoted=OF_BOB),
    )
    anywhere.project()
    told = (await mine.next()).data
    assert (told["likes_count"], told["retweets_count"], told["replies_count"], told["quotes_count"]) == (2, 1, 1, 1)
    await anywhere.say(builders.deleted(BOB, OF_BOB[0]))
    assert (await mine.next()).event == "tweet_deleted"


async def test_counters_of_whom_a_block_stands_between_are_not_told(
    anywhere: LiveWorld, streams: AsyncExitStack
) -> None:
    await anywhere.given(builders.posted(ANN, tweet_id(5)))
    mine = await anywhere.opened(
        ME, streams, streams="counters", tweet_ids=f"{to_uuid(OF_BOB[0])},{to_uuid(tweet_id(5))}"
    )
    assert {(await mine.next()).data["tweet_id"] for _ in range(2)} == {to_uuid(OF_BOB[0]), to_uuid(tweet_id(5))}
    await anywhere.say(Blocked(envelope(), BOB, ME), builders.liked(EVE, OF_BOB))
    anywhere.project()
    await anywhere.say(builders.liked(EVE, (tweet_id(5), ANN)))
    anywhere.project()
    assert (await mine.next()).data["tweet_id"] == to_uuid(tweet_id(5))


async def test_trends_are_told_when_they_change(
    anywhere: LiveWorld, streams: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "KEPT_MS", 100)
    monkeypatch.setattr(watch, "TRENDS_S", watch.LOOK_S)
    now_ms = SystemClock().now_ms()
    mine = await anywhere.opened(ME, streams, streams="trends", woeid=1)
    assert (await mine.next()).data["trends"] == []
    await anywhere.given(*(_tagged(uid(10 + n), now_ms - 60_000 + n) for n in range(20)))
    told = (await mine.next("trends")).data
    assert [it["name"] for it in told["trends"]] == ["cats"]
    assert told == {**(await anywhere.get("/trends")), "as_of": told["as_of"]}


def _tagged(author: int, at_ms: int) -> TweetPosted:
    tweet = (at_ms << 16) + 1
    return TweetPosted(envelope(at_ms, author), tweet, author, "#cats", tweet, hashtags=["cats"])
