"""HTTP: the viewer's notifications, how many are not read, which kinds are wanted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from projections.notifications.read_model import KINDS
from query_api.errors import InvalidValueError
from query_api.notifications import response, rules, skeleton
from query_api.notifications.hydrate import ALL_KINDS, facts, page_of, viewer_of
from query_api.notifications.shapes import NotificationPage, Preferences, UnreadCount
from query_api.openapi import API, Cursor, Limit, describe
from query_api.paging import Steps, fill
from query_api.reading import Reading, Reads

if TYPE_CHECKING:
    from projections.notifications.read_model import Entry
    from query_api.notifications.rules import Facts, Item, Viewer

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["notifications"], dependencies=[limited(RateClass.READ)])

OwnReading = Annotated[
    Reading, Depends(Reads("notifications", "tweets", "accounts", "graph", "engagement", signed_in=True))
]
Shown = Annotated[
    str | None,
    Query(alias="kinds", max_length=64, description=f"Only these kinds, comma-separated: {', '.join(KINDS)}."),
]

MOST_UNREAD = 99


@router.get("/notifications", **describe(NotificationPage, "cursor_invalid", "not_kept", signed_in=True))
async def notifications(reading: OwnReading, limit: Limit = 50, cursor: Cursor = None, kinds: Shown = None) -> Response:
    """Return the viewer's notifications, newest first."""
    viewer = viewer_of(reading.readers, reading.viewer_id, _kinds(kinds))
    page = fill(_steps(reading, viewer), skeleton.below(reading.viewer_id, cursor), limit)
    items = skeleton.newest_first(page.items)
    next_cursor = page.next and skeleton.cursor(reading.viewer_id, page.next)
    shown = page_of(items, reading.readers, reading.viewer_id)
    return reading.answer(response.notifications(items, shown, next_cursor))


@router.get("/notifications/unread_count", **describe(UnreadCount, "not_kept", signed_in=True))
async def unread_count(reading: OwnReading) -> Response:
    """Return how many of the viewer's notifications are not read."""
    viewer = viewer_of(reading.readers, reading.viewer_id)
    steps = _steps(reading, viewer)._replace(
        skeleton=skeleton.since(reading.readers.notifications, reading.viewer_id, viewer.wishes.read_up_to_ms),
        rules=partial(rules.unread, viewer=viewer),
    )
    page = fill(steps, None, MOST_UNREAD)
    return reading.answer(response.unread(len(page.items), more=page.next is not None))


@router.get("/notifications/preferences", **describe(Preferences, "not_kept", signed_in=True))
async def preferences(reading: OwnReading) -> Response:
    """Return which kinds of notifications the viewer wants."""
    return reading.answer(response.preferences(reading.readers.notifications.wishes(reading.viewer_id)))


def _steps(reading: Reading, viewer: Viewer) -> Steps[Entry, Facts, Item]:
    return Steps(
        skeleton=partial(reading.readers.notifications.entries, reading.viewer_id),
        hydrate=partial(facts, readers=reading.readers, user_id=reading.viewer_id, viewer=viewer),
        rules=partial(rules.visible, viewer=viewer),
    )


def _kinds(text: str | None) -> frozenset[int]:
    if text is None:
        return ALL_KINDS
    words = text.split(",")
    if unknown := [word for word in words if word not in KINDS]:
        raise InvalidValueError("kinds", f"{unknown[0]!r} is no kind of notification; there are {', '.join(KINDS)}")
    return frozenset(KINDS[word] for word in words)
