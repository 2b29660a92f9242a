"""What the stream of a home timeline tells, over a real connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.follows.events import Blocked, Muted, Unblocked, Unmuted
from schemas.ids import to_uuid
from tests import builders
from tests.builders import envelope
from tests.query_world import tweet_id, uid

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from tests.live_world import LiveWorld

ME, ANN, BOB, EVE = (uid(n) for n in range(4))


async def test_a_new_tweet_is_told_as_the_timeline_shows_it(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    await anywhere.given(builders.liked(ME, (tweet_id(1), BOB)))
    mine = await anywhere.opened(ME, streams)
    await anywhere.publish(
        builders.posted(ANN, tweet_id(2)),
        builders.retweeted(ANN, tweet_id(3), (tweet_id(1), BOB)),
        builders.posted(ANN, tweet_id(4), quoted=(tweet_id(1), BOB)),
    )
    told = [(await mine.next("new_tweet")).data for _ in range(3)]
    anywhere.project()
    timeline = (await anywhere.get("/timeline/home", ME))["tweets"]
    assert [_uncounted(it) for it in reversed(told)] == [_uncounted(it) for it in timeline]


async def test_a_reply_is_told_to_those_who_follow_both(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.publish(
        builders.posted(ANN, tweet_id(2), reply_to=(tweet_id(1), BOB)),
        builders.posted(BOB, tweet_id(3)),
        builders.posted(ME, tweet_id(4), reply_to=(tweet_id(1), BOB)),
        builders.posted(ANN, tweet_id(5), reply_to=(tweet_id(4), ME)),
    )
    told = {(await mine.next("new_tweet")).data["tweet_id"] for _ in range(2)}
    assert told == {to_uuid(tweet_id(4)), to_uuid(tweet_id(5))}


async def test_relations_take_effect_in_open_streams(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.say(builders.followed(ME, BOB), builders.followed(ME, EVE))
    await anywhere.say(builders.unfollowed(ME, ANN), Muted(envelope(), ME, BOB), Blocked(envelope(), EVE, ME))
    await anywhere.say(*(builders.posted(author, tweet_id(10 + author % 7)) for author in (ANN, BOB, EVE)))
    await anywhere.say(Blocked(envelope(), ME, EVE), Unblocked(envelope(), EVE, ME))
    await anywhere.say(builders.posted(EVE, tweet_id(20)), builders.retweeted(ME, tweet_id(21), (tweet_id(1), BOB)))
    await anywhere.say(builders.posted(ME, tweet_id(22), quoted=(tweet_id(1), BOB)), Unmuted(envelope(), ME, BOB))
    await anywhere.say(builders.posted(BOB, tweet_id(23)), Unblocked(envelope(), ME, EVE))
    await anywhere.say(builders.posted(EVE, tweet_id(24)))
    told = [(await mine.next()).data for _ in range(3)]
    assert [it["tweet_id"] for it in told] == [to_uuid(tweet_id(n)) for n in (22, 23, 24)]
    assert told[0]["quoted_tweet"] is None


async def test_deleted_tweets_are_told(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.publish(builders.posted(ANN, tweet_id(2)), builders.deleted(ANN, tweet_id(2)))
    assert (await mine.next()).event == "new_tweet"
    gone = await mine.next()
    assert (gone.event, gone.data) == ("tweet_deleted", {"tweet_id": to_uuid(tweet_id(2))})


def _uncounted(tweet: dict[str, Any]) -> dict[str, Any]:
    """Counts follow a moment later."""
    inner = {name: _uncounted(value) for name, value in tweet.items() if isinstance(value, dict)}
    return {name: value for name, value in tweet.items() if not name.endswith("_count")} | inner
