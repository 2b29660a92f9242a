"""HTTP: an account's own timeline."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from query_api.as_of import OF_TWEETS, AsOf, then
from query_api.cursors import parse_max_id
from query_api.openapi import API, Limit, MaxId, UserIdPath, describe
from query_api.paging import Steps, fill
from query_api.reading import Reading, Reads
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_page
from query_api.tweets.rules import visible
from query_api.tweets.shapes import TweetPage
from query_api.users.rules import check_may_read
from query_api.users.skeleton import user_id_of

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["timelines"], dependencies=[limited(RateClass.READ)])

AuthorReading = Annotated[Reading, Depends(Reads("tweets", "accounts", "graph", "engagement"))]


@router.get(
    "/timeline/user/{user_id}",
    **describe(TweetPage, "user_not_found", "blocked", "cursor_invalid", as_of=True),
)
async def user_timeline(
    reading: AuthorReading, user_id: UserIdPath, limit: Limit = 200, max_id: MaxId = None, as_of: AsOf = None
) -> Response:
    """Return an account's tweets, replies, quotes and retweets, newest first."""
    if as_of is not None:
        reading = then(reading, as_of, OF_TWEETS)
    author_id = user_id_of(user_id)
    check_may_read(author_id, reading.readers.hydrate_authors.load([author_id]), reading.blocked())
    page = fill(
        Steps(
            skeleton=partial(reading.readers.tweets.by_author, author_id),
            hydrate=reading.readers.hydrate_tweets.load,
            rules=partial(visible, hidden=reading.hidden(except_for=author_id), viewer_id=reading.viewer_id),
        ),
        parse_max_id(max_id),
        limit,
    )
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    return reading.answer(tweet_page(page.items, hydrated, page.next))
