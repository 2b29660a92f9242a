"""HTTP: what is talked about more than usual, and how much was talked about what."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from infra.http.rate_limits import RateClass, limited
from infra.places import WORLD, places
from projections.trends.read_model import HOUR_MS
from query_api.errors import InvalidValueError
from query_api.openapi import API, describe
from query_api.reading import Reading, Reads
from query_api.routes import QueryRoute
from query_api.trends import response
from query_api.trends.shapes import Day, History, Places, Trends

if TYPE_CHECKING:
    from projections.trends.read_model import Order

router = APIRouter(prefix=API, route_class=QueryRoute, tags=["trends"], dependencies=[limited(RateClass.READ)])

TrendsReading = Annotated[Reading, Depends(Reads("trends"))]
Woeid = Annotated[int, Query(ge=1, le=2**31 - 1, description="A place of /trends/places; 1 is the world.")]
TrendLimit = Annotated[int, Query(ge=1, le=50, description="Most topics.")]
DayLimit = Annotated[int, Query(ge=1, le=100, description="Most topics.")]
DayText = Annotated[str | None, Query(max_length=10, description="A day, 2016-07-01, UTC: its topics.")]
By = Annotated[str, Query(json_schema_extra={"enum": ["uses", "authors"]}, description="Order of a day's topics.")]
Topic = Annotated[str | None, Query(max_length=140, description="A topic, without #: its volume over time.")]
Hours = Annotated[int, Query(ge=1, le=720, description="How far back a topic's hours go.")]


@router.get("/trends", **describe(Trends, "not_kept"))
async def trends(reading: TrendsReading, woeid: Woeid = WORLD, limit: TrendLimit = 20) -> Response:
    """Return what trends in a place now."""
    place = places().get(_known(woeid))
    assert place is not None  # noqa: S101 - it is known
    services = reading.services
    board = services.trend_boards.of(reading.readers.trends, woeid, services.clock.now_ms())
    return reading.answer(response.trends(place, board.as_of_ms, board.top(limit)))


@router.get("/trends/history", **describe(Day | History, "not_kept"))
async def history(
    reading: TrendsReading,
    day: DayText = None,
    topic: Topic = None,
    by: By = "uses",
    woeid: Woeid = WORLD,
    limit: DayLimit = 20,
    hours: Hours = 72,
) -> Response:
    """Return the topics of a `day`, or a `topic` over time: one of the two is to be given."""
    if (day is None) == (topic is None):
        raise InvalidValueError("day", "either day or topic is to be given")
    _known(woeid)
    reader = reading.readers.trends
    if topic is not None:
        name = topic.lstrip("#").lower()
        until_ms = reading.services.clock.now_ms()
        found = reader.hours(woeid, [name], until_ms - hours * HOUR_MS, until_ms).get(name, [])
        return reading.answer(response.history(name, found))
    asked, order = _day(day), _order(by)
    began_ms = int(datetime(asked.year, asked.month, asked.day, tzinfo=UTC).timestamp() * 1000)
    return reading.answer(response.day(asked, reader.top_of_day(woeid, began_ms, order, limit)))


@router.get("/trends/places", **describe(Places, "not_kept"))
async def known_places(reading: TrendsReading) -> Response:
    """Return all places that trends are told apart by."""
    return reading.answer(response.places(places().values()))


def _known(woeid: int) -> int:
    if woeid not in places():
        raise InvalidValueError("woeid", "there is no such place; /trends/places lists them")
    return woeid


def _order(text: str) -> Order:
    match text:
        case "uses" | "authors":
            return text
        case _:
            raise InvalidValueError("by", "by is uses or authors")


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError as error:
        raise InvalidValueError("day", "a day is written 2016-07-01") from error
