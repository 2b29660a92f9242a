"""Open streams and suspended accounts: their own end within a second, those of others hear of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from schemas.ids import to_uuid
from tests import builders
from tests.query_world import tweet_id, uid

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from tests.live_world import LiveWorld

ME, ANN, BOB = (uid(n) for n in range(3))
BUSY_S = 2.0  # what a busy machine may take besides


async def test_the_streams_of_a_suspended_account_end(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    hers, mine = await anywhere.opened(ANN, streams), await anywhere.opened(ME, streams)
    began = time.monotonic()
    await anywhere.given(builders.suspended(ANN))
    assert (await hers.ended())[-1].data == {"reason": "account_suspended"}
    assert time.monotonic() - began < 1 + BUSY_S
    gone = await mine.next("account_gone")
    assert gone.data == {"user_id": to_uuid(ANN)}
    await anywhere.given(builders.restored(ANN))
    assert (await mine.next("account_back")).data == {"user_id": to_uuid(ANN)}


async def test_nobody_is_told_what_a_suspended_account_said(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.given(builders.followed(ME, BOB), builders.suspended(ANN))
    await mine.next("account_gone")
    await anywhere.say(
        builders.posted(ANN, tweet_id(2)),
        builders.retweeted(BOB, tweet_id(3), (tweet_id(2), ANN)),
        builders.posted(BOB, tweet_id(4)),
    )
    assert (await mine.next("new_tweet")).data["tweet_id"] == to_uuid(tweet_id(4))


async def test_streams_are_told_what_moderators_do_with_a_tweet(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.say(builders.posted(ANN, tweet_id(5)))
    await mine.next("new_tweet")
    await anywhere.say(builders.moderated(ANN, tweet_id(5), label="satire"))
    labelled = await mine.next("tweet_moderated")
    assert labelled.data == {"tweet_id": to_uuid(tweet_id(5)), "label": "satire"}
    await anywhere.say(builders.moderated(ANN, tweet_id(5), hidden=True))
    assert (await mine.next("tweet_deleted")).data == {"tweet_id": to_uuid(tweet_id(5))}


async def test_what_was_hidden_meanwhile_is_not_told_on_return(anywhere: LiveWorld, streams: AsyncExitStack) -> None:
    mine = await anywhere.opened(ME, streams)
    await anywhere.say(builders.posted(ANN, tweet_id(5)))
    first = await mine.next("new_tweet")
    await anywhere.given(builders.posted(ANN, tweet_id(6)), builders.moderated(ANN, tweet_id(6), hidden=True))
    await anywhere.say(builders.posted(ANN, tweet_id(7)))
    async with anywhere.events(ME, since=first.event_id) as again:
        told = [(await again.next()).data["tweet_id"] for _ in range(2)]
    assert told == [to_uuid(tweet_id(6)), to_uuid(tweet_id(7))]
