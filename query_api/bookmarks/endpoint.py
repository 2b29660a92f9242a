"""HTTP: the tweets that the viewer keeps, in the order in which they were kept: hence a cursor, not a `max_id`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from projections.engagement.read_model import Mark
from query_api import cursors
from query_api.bookmarks import rules
from query_api.openapi import API, Cursor, Limit, describe
from query_api.pages import page as frame
from query_api.paging import Steps, fill
from query_api.reading import Reading, Reads
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_objects
from query_api.tweets.shapes import BookmarkPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from query_api.tweets.rules import Shown

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["engagement"], dependencies=[limited(RateClass.READ)])

OwnReading = Annotated[Reading, Depends(Reads("tweets", "accounts", "graph", "engagement", signed_in=True))]


@router.get(
    "/bookmarks",
    **describe(BookmarkPage, "cursor_invalid", signed_in=True),
)
async def bookmarks(reading: OwnReading, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the viewer's bookmarks, the newest first."""
    scope = f"bookmarks:{reading.viewer_id}"
    before = cursors.decode(scope, cursor)

    def tweets_of(marks: Sequence[Mark]) -> dict[int, Shown]:
        return reading.readers.hydrate_tweets.load([mark.id for mark in marks])

    page = fill(
        Steps(
            skeleton=partial(reading.readers.engagement.bookmarks, reading.viewer_id),
            hydrate=tweets_of,
            rules=partial(rules.visible, blocked=reading.blocked()),
        ),
        before and Mark._make(before),
        limit,
    )
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    next_cursor = page.next and cursors.encode(scope, *page.next)
    return reading.answer(frame("tweets", tweet_objects(page.items, hydrated), "next_cursor", next_cursor))
