"""HTTP: who likes and who retweeted a tweet. A retweet's are its original's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from query_api import cursors
from query_api.engagement.skeleton import marks
from query_api.openapi import API, Cursor, Limit, TweetIdPath, describe
from query_api.paging import Page, Steps, fill, nothing
from query_api.reading import Reading  # noqa: TC001 - FastAPI reads the annotation
from query_api.tweets.endpoint import REFUSALS, TweetReading, asked_for
from query_api.users import rules
from query_api.users.response import listed_page
from query_api.users.shapes import LikersPage, RetweetersPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.engagement.read_model import Mark
    from query_api.users.rules import Listed

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["engagement"], dependencies=[limited(RateClass.READ)])


@router.get("/tweets/{tweet_id}/likes", **describe(LikersPage, *REFUSALS))
async def likes(reading: TweetReading, tweet_id: TweetIdPath, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return who likes a tweet, the newest first."""
    return _marked("liked_at", reading.readers.engagement.likers, reading, tweet_id, limit, cursor)


@router.get("/tweets/{tweet_id}/retweets", **describe(RetweetersPage, *REFUSALS))
async def retweets(reading: TweetReading, tweet_id: TweetIdPath, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return who retweeted a tweet, the newest first."""
    return _marked("retweeted_at", reading.readers.engagement.retweeters, reading, tweet_id, limit, cursor)


def _marked(
    since: str,
    read: Callable[[int, Mark | None, int], list[Mark]],
    reading: Reading,
    tweet_id: str,
    limit: int,
    cursor: str | None,
) -> Response:
    subject_id = asked_for(tweet_id, reading).subject.tweet_id
    scope = f"{since}:{subject_id}"
    page: Page[Listed, Listed] = fill(
        Steps(
            skeleton=marks(read, subject_id),
            hydrate=nothing,
            rules=partial(rules.unblocked, blocked=reading.blocked()),
        ),
        rules.after(cursors.decode(scope, cursor)),
        limit,
    )
    authors = reading.readers.hydrate_authors.load([row.user_id for row in page.items])
    next_cursor = page.next and cursors.encode(scope, *page.next)
    return reading.answer(listed_page("users", page.items, authors, since, next_cursor))
