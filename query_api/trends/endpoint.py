"""HTTP: what is talked about more than usual, and how much was talked about what."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from infra.places import WORLD, places
from projections.trends.read_model import DAY_MS, DAYS_KEPT_MS, HOUR_MS, HOURS_KEPT_MS
from query_api.as_of import OF_TRENDS, AsOf, then
from query_api.errors import InvalidValueError
from query_api.openapi import API, describe
from query_api.reading import Reading, Reads
from query_api.trends import response, rules, topics
from query_api.trends.shapes import Day, History, Places, Topic, Trends

if TYPE_CHECKING:
    from infra.places import Place
    from query_api.trends.board import Board

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["trends"], dependencies=[limited(RateClass.READ)])

MAX_TOPIC_CHARS = 280
ORDERS = ["uses", "authors", "score"]
STEPS = ["hour", "day"]

TrendsReading = Annotated[Reading, Depends(Reads("trends"))]
TopicReading = Annotated[Reading, Depends(Reads("trends", "tweets", "accounts", "graph", "engagement"))]
Woeid = Annotated[int, Query(ge=1, le=2**31 - 1, description="A place of /trends/places; 1 is the world.")]
TrendLimit = Annotated[int, Query(ge=1, le=rules.MOST, description="Most topics.")]
DayLimit = Annotated[int, Query(ge=1, le=100, description="Most topics; 50 by score.")]
DayText = Annotated[str | None, Query(max_length=10, description="A day, 2016-07-01, UTC: its topics.")]
By = Annotated[str, Query(json_schema_extra={"enum": ORDERS}, description="Order of a day's topics.")]
TopicText = Annotated[str | None, Query(max_length=MAX_TOPIC_CHARS, description="A topic: its volume over time.")]
Step = Annotated[str, Query(json_schema_extra={"enum": STEPS}, description="What a topic's points are.")]
Hours = Annotated[int, Query(ge=1, le=HOURS_KEPT_MS // HOUR_MS, description="How many hours, with step=hour.")]
Days = Annotated[int, Query(ge=1, le=DAYS_KEPT_MS // DAY_MS, description="How many days, with step=day.")]
Until = Annotated[str | None, Query(max_length=10, description="The last day of a topic's points; else they end now.")]
TopicPath = Annotated[str, Path(max_length=MAX_TOPIC_CHARS, description="A topic; with or without #.")]
TweetLimit = Annotated[int, Query(ge=1, le=50, description="Most tweets.")]


@router.get("/trends", **describe(Trends, "not_kept", as_of=True))
async def trends(reading: TrendsReading, woeid: Woeid = WORLD, limit: TrendLimit = 20, as_of: AsOf = None) -> Response:
    """Return what trends in a place now."""
    if as_of is not None:
        reading = then(reading, as_of, OF_TRENDS)
    place = _place(woeid)
    return reading.answer(response.trends(place, _board(reading, place), limit))


@router.get("/trends/history", **describe(Day | History, "not_kept"))
async def history(
    reading: TrendsReading,
    day: DayText = None,
    topic: TopicText = None,
    by: By = "uses",
    woeid: Woeid = WORLD,
    limit: DayLimit = 20,
    step: Step = "hour",
    hours: Hours = 72,
    days: Days = 30,
    until: Until = None,
) -> Response:
    """Return the topics of a `day`, or a `topic` over time: one of the two is to be given."""
    if (day is None) == (topic is None):
        raise InvalidValueError("day", "either day or topic is to be given")
    place = _place(woeid)
    if topic is not None:
        until_ms = reading.services.clock.now_ms() if until is None else _began_ms(_day("until", until)) + DAY_MS
        return reading.answer(_over_time(reading, place, topic, step, until_ms, hours if step == "hour" else days))
    return reading.answer(_of_day(reading, place, _day("day", day), by, limit))


def _over_time(reading: Reading, place: Place, topic: str, step: str, until_ms: int, spans: int) -> bytes:
    name, reader, judge = _name("topic", topic), reading.readers.trends, reading.services.trend_boards.judge
    match step:
        case "hour":
            points = topics.by_hours(reader, place.woeid, name, judge, until_ms, spans)
        case "day":
            points = topics.by_days(reader, place.woeid, name, judge, until_ms, spans)
        case _:
            raise InvalidValueError("step", f"step is one of {', '.join(STEPS)}")
    return response.history(name, place.woeid, step, points)


def _of_day(reading: Reading, place: Place, day: date, by: str, limit: int) -> bytes:
    reader, began_ms = reading.readers.trends, _began_ms(day)
    match by:
        case "uses" | "authors":
            return response.day(day, reader.top_of_day(place.woeid, began_ms, by, limit))
        case "score":
            judge = reading.services.trend_boards.judge
            return response.judged_day(day, topics.of_day(reader, place.woeid, began_ms, judge, limit))
        case _:
            raise InvalidValueError("by", f"by is one of {', '.join(ORDERS)}")


@router.get("/trends/topics/{name}", **describe(Topic, "not_kept"))
async def topic(reading: TopicReading, name: TopicPath, woeid: Woeid = WORLD, limit: TweetLimit = 20) -> Response:
    """Return a topic within the last hour in a place, and its best tweets of the last two days."""
    place, known = _place(woeid), _name("name", name)
    board = _board(reading, place)
    found = topics.now(reading.readers.trends, woeid, known, board, reading.services.trend_boards.judge)
    tweets = topics.best_tweets(reading, known, limit)
    return reading.answer(response.topic(known, place, board.as_of_ms, found, tweets))


def _board(reading: Reading, place: Place) -> Board:
    services, trends, now_ms = reading.services, reading.readers.trends, reading.now_ms()
    moderation = services.stores.readers().moderation
    if reading.at_ms is None:
        return services.trend_boards.shown(trends, moderation, place.woeid, now_ms)
    return services.moments.boards.of(trends, place.woeid, now_ms).without(moderation.denied())


@router.get("/trends/places", **describe(Places, "not_kept"))
async def known_places(reading: TrendsReading) -> Response:
    """Return all places that trends are told apart by."""
    return reading.answer(response.places(places().values()))


def _place(woeid: int) -> Place:
    place = places().get(woeid)
    if place is None:
        raise InvalidValueError("woeid", "there is no such place; /trends/places lists them")
    return place


def _name(param: str, text: str) -> str:
    name = text.strip().lstrip("#\uff03").lower()  # the latter is the wide one that twitter-text knows, too
    if not 0 < len(name) <= MAX_TOPIC_CHARS:
        raise InvalidValueError(param, f"a topic is a hashtag of at most {MAX_TOPIC_CHARS} characters")
    return name


def _day(param: str, text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError as error:
        raise InvalidValueError(param, "a day is written 2016-07-01") from error


def _began_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
