"""`?as_of=`: the same answer as of a moment in the past.

The Reading of now is opened first, with all that goes with it: who asks, and a consistency token, which the rules of
now wait for. What an endpoint then reads is of the moment; see query_api.past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from infra.clock import from_rfc3339, rfc3339
from query_api.errors import InvalidValueError
from query_api.past import readers_of
from query_api.reading import FRESHNESS

if TYPE_CHECKING:
    from starlette.requests import Request

    from query_api.reading import Reading

HEADER = "X-As-Of"
AsOf = Annotated[
    str | None,
    Query(max_length=40, description="RFC 3339 time: as of then, where `murmur replay --until` has built it."),
]

OF_TWEETS = ("accounts", "tweets", "graph", "engagement")
"""What timelines and tweets need of a moment: home timelines are pulled from these, which is the same list."""
OF_PROFILES = ("accounts", "tweets", "graph")
OF_TRENDS = ("trends",)


def then(reading: Reading, as_of: str, projections: tuple[str, ...]) -> Reading:
    """Return what reads these projections as of a time; raises InvalidValueError, NoSuchMomentError."""
    at_ms = from_rfc3339(as_of)
    if at_ms is None:
        form = "as_of is a time such as 2026-11-23T12:00:00Z; write the + of an offset as %2B"
        raise InvalidValueError("as_of", form)
    if at_ms > reading.services.clock.now_ms():
        raise InvalidValueError("as_of", "as_of has not come yet")
    reading.headers[HEADER] = rfc3339(at_ms)
    services = reading.services
    moment = services.moments.at(at_ms, projections)
    return reading._replace(at_ms=at_ms, readers=readers_of(moment, reading.readers, services.moments.together))


def is_of_a_moment(request: Request) -> bool:
    """Tell whether a request reads as of a moment."""
    return HEADER in request.scope.get(FRESHNESS, ())
