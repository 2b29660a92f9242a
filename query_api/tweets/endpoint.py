"""HTTP: one tweet, its replies, its quotes, its thread. Each endpoint reads as its steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from query_api.as_of import OF_TWEETS, AsOf, then
from query_api.cursors import parse_max_id
from query_api.openapi import API, Limit, MaxId, TweetIdPath, describe
from query_api.paging import Page, Steps, fill
from query_api.reading import Reading, Reads
from query_api.tweets import response, rules, skeleton
from query_api.tweets.hydrate import details
from query_api.tweets.shapes import ReplyPage, Thread, Tweet, TweetPage

if TYPE_CHECKING:
    from query_api.tweets.rules import Shown

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["tweets"], dependencies=[limited(RateClass.READ)])

TweetReading = Annotated[Reading, Depends(Reads("tweets", "accounts", "graph", "engagement"))]

REFUSALS = ("tweet_not_found", "blocked", "cursor_invalid")


def asked_for(tweet_id: str, reading: Reading) -> Shown:
    """Return the tweet that a path names, if it stands and the viewer may see it."""
    wanted = skeleton.tweet_id_of(tweet_id)
    found = reading.readers.hydrate_tweets.load([wanted])
    return rules.check_visible(wanted, found, reading.blocked(), reading.viewer_id)


@router.get("/tweets/{tweet_id}", **describe(Tweet, *REFUSALS, as_of=True))
async def tweet(reading: TweetReading, tweet_id: TweetIdPath, as_of: AsOf = None) -> Response:
    """Return a tweet."""
    if as_of is not None:
        reading = then(reading, as_of, OF_TWEETS)
    shown = asked_for(tweet_id, reading)
    hydrated = details([shown], reading.viewer_id, reading.readers)
    return reading.answer(response.tweet_object(shown, hydrated))


@router.get("/tweets/{tweet_id}/replies", **describe(ReplyPage, *REFUSALS))
async def replies(reading: TweetReading, tweet_id: TweetIdPath, limit: Limit = 50, max_id: MaxId = None) -> Response:
    """Return the direct replies to a tweet, newest first."""
    page = _replies(asked_for(tweet_id, reading), reading, max_id, limit)
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    return reading.answer(response.tweet_page(page.items, hydrated, page.next, member="replies"))


@router.get("/tweets/{tweet_id}/quotes", **describe(TweetPage, *REFUSALS))
async def quotes(reading: TweetReading, tweet_id: TweetIdPath, limit: Limit = 50, max_id: MaxId = None) -> Response:
    """Return the tweets that quote a tweet, newest first."""
    subject = asked_for(tweet_id, reading).subject
    page = fill(
        Steps(
            skeleton=partial(reading.readers.tweets.quotes, subject.tweet_id),
            hydrate=reading.readers.hydrate_tweets.load,
            rules=partial(reading.show, reading.hidden()),
        ),
        parse_max_id(max_id),
        limit,
    )
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    return reading.answer(response.tweet_page(page.items, hydrated, page.next))


@router.get("/tweets/{tweet_id}/thread", **describe(Thread, *REFUSALS))
async def thread(reading: TweetReading, tweet_id: TweetIdPath, limit: Limit = 50, max_id: MaxId = None) -> Response:
    """Return a tweet, what it answers up to the root, and a page of its direct replies."""
    shown = asked_for(tweet_id, reading)
    hydrator = reading.readers.hydrate_tweets
    chain = skeleton.ancestors(shown.subject.parent_id, hydrator)
    above = [item for _, item in rules.visible(chain, hydrator.load(chain), reading.blocked())]
    page = _replies(shown, reading, max_id, limit)
    hydrated = details([*above, shown, *page.items], reading.viewer_id, reading.readers)
    return reading.answer(response.thread(above, shown, page.items, hydrated, page.next))


def _replies(shown: Shown, reading: Reading, max_id: str | None, limit: int) -> Page[int, Shown]:
    return fill(
        Steps(
            skeleton=partial(reading.readers.tweets.replies, shown.subject.tweet_id),
            hydrate=reading.readers.hydrate_tweets.load,
            rules=partial(reading.show, reading.hidden()),
        ),
        parse_max_id(max_id),
        limit,
    )
