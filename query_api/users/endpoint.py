"""HTTP: profiles, followers, following."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from query_api import cursors
from query_api.as_of import OF_PROFILES, AsOf, then
from query_api.openapi import API, Cursor, Limit, UserIdPath, describe
from query_api.paging import Page, Steps, fill, nothing
from query_api.reading import Reading, Reads
from query_api.users import hydrate, response, rules, skeleton
from query_api.users.shapes import FollowersPage, FollowingPage, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.graph.read_model import Edge
    from query_api.users.rules import Listed

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["users"], dependencies=[limited(RateClass.READ)])

ProfileReading = Annotated[Reading, Depends(Reads("accounts", "graph", "tweets"))]
OwnReading = Annotated[Reading, Depends(Reads("accounts", "graph", "tweets", signed_in=True))]
ListReading = Annotated[Reading, Depends(Reads("accounts", "graph"))]
UsernamePath = Annotated[str, Path(description="A username, in any case.")]

REFUSALS = ("user_not_found",)
LIST_REFUSALS = (*REFUSALS, "blocked", "cursor_invalid")


@router.get("/users/me", **describe(Profile, *REFUSALS, signed_in=True))
async def me(reading: OwnReading) -> Response:
    """Return the viewer's own profile."""
    return _profile(reading, reading.viewer_id)


@router.get("/users/by-username/{name}", **describe(Profile, *REFUSALS, as_of=True))
async def by_username(reading: ProfileReading, name: UsernamePath, as_of: AsOf = None) -> Response:
    """Return the profile of the account of that name."""
    if as_of is not None:
        reading = then(reading, as_of, OF_PROFILES)
    return _profile(reading, skeleton.user_id_named(name, reading.readers.accounts))


@router.get("/users/{user_id}", **describe(Profile, *REFUSALS, as_of=True))
async def user(reading: ProfileReading, user_id: UserIdPath, as_of: AsOf = None) -> Response:
    """Return an account's profile."""
    if as_of is not None:
        reading = then(reading, as_of, OF_PROFILES)
    return _profile(reading, skeleton.user_id_of(user_id))


def _profile(reading: Reading, user_id: int) -> Response:
    return reading.answer(response.profile(hydrate.profile(user_id, reading.viewer_id, reading.readers)))


@router.get("/users/{user_id}/followers", **describe(FollowersPage, *LIST_REFUSALS))
async def followers(reading: ListReading, user_id: UserIdPath, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return who follows an account, the newest first."""
    return _follows("followers", reading.readers.graph.followers, reading, user_id, limit, cursor)


@router.get("/users/{user_id}/following", **describe(FollowingPage, *LIST_REFUSALS))
async def following(reading: ListReading, user_id: UserIdPath, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Return whom an account follows, the newest first."""
    return _follows("following", reading.readers.graph.following, reading, user_id, limit, cursor)


def _follows(
    name: str,
    read: Callable[[int, Edge | None, int], list[Edge]],
    reading: Reading,
    asked_for: str,
    limit: int,
    cursor: str | None,
) -> Response:
    user_id = skeleton.user_id_of(asked_for)
    blocked = reading.blocked()
    rules.check_may_read(user_id, reading.readers.hydrate_authors.load([user_id]), blocked)
    scope = f"{name}:{user_id}"
    page: Page[Listed, Listed] = fill(
        Steps(
            skeleton=skeleton.follows(read, user_id),
            hydrate=nothing,
            rules=partial(rules.unblocked, blocked=blocked),
        ),
        rules.after(cursors.decode(scope, cursor)),
        limit,
    )
    authors = reading.readers.hydrate_authors.load([row.user_id for row in page.items])
    next_cursor = page.next and cursors.encode(scope, *page.next)
    return reading.answer(response.listed_page(name, page.items, authors, "followed_at", next_cursor))
