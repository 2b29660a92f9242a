"""HTTP: what moderators read. A role that was taken counts at once, whatever the token says."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from projections.moderation.read_model import STATUSES, Entry
from query_api import cursors
from query_api.errors import InvalidValueError
from query_api.moderation import hydrate, response, rules
from query_api.moderation.rules import HELD, Wanted
from query_api.moderation.shapes import Audit, CaseDetail, Denied, Queue
from query_api.openapi import API, Cursor, describe
from query_api.paging import Steps, fill
from query_api.reading import Reading, Reads
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_object
from query_api.tweets.rules import alone
from schemas.ids import from_uuid
from schemas.moderation.events import ACCOUNT, REASONS, TWEET

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["moderation"], dependencies=[limited(RateClass.READ)])

MOST_CASES = 100
MOST_AUDITED = 200
KINDS = (TWEET, ACCOUNT)


class ModeratorReads(Reads):
    """Opens a Reading for a moderator."""

    async def __call__(self, request: Request) -> Reading:
        """Return the Reading; raises the 403 problem of who does not moderate now."""
        reading = await super().__call__(request)
        rules.check_moderator(reading.readers.standings.of(reading.viewer_id))
        return reading


ModeratorReading = Annotated[
    Reading, Depends(ModeratorReads("moderation", "spam", "accounts", "tweets", "graph", "engagement", signed_in=True))
]
CaseIdPath = Annotated[
    str, Path(description="The id of the tweet or account that it is about.", json_schema_extra={"format": "uuid"})
]
Status = Annotated[str, Query(max_length=16, description=f"Only these: {', '.join(STATUSES)}; empty: all.")]
Kind = Annotated[str, Query(max_length=16, description=f"Only cases of: {', '.join(KINDS)}; empty: both.")]
Reason = Annotated[str, Query(max_length=32, description=f"Only reported for: {', '.join(REASONS)}; empty: any.")]
Held = Annotated[str, Query(max_length=16, description=f"Held by: {', '.join(HELD)}.")]
PageLimit = Annotated[int, Query(ge=1, le=MOST_CASES, description="Most entries of a page.")]
REFUSALS = ("not_a_moderator", "not_kept")


@router.get("/moderation/queue", **describe(Queue, *REFUSALS, "cursor_invalid", signed_in=True))
async def queue(
    reading: ModeratorReading,
    status: Status = "open",
    kind: Kind = "",
    reason: Reason = "",
    held: Held = "any",
    limit: PageLimit = 25,
    cursor: Cursor = None,
) -> Response:
    """Return cases, the last reported or appealed first."""
    for name, value, known in (("status", status, STATUSES), ("kind", kind, KINDS), ("reason", reason, REASONS)):
        if value and value not in known:
            raise InvalidValueError(name, f"{name} is empty, or one of {', '.join(known)}")
    if held not in HELD:
        raise InvalidValueError("held", f"held is one of {', '.join(HELD)}")
    quarantine = reading.services.quarantine
    wanted = Wanted(status, kind, reason, held, reading.viewer_id)
    scope = f"moderation:{status}:{kind}:{reason}:{held}"
    before = cursors.decode(scope, cursor)
    page = fill(
        Steps(
            skeleton=hydrate.merged(reading.readers.moderation.queue, quarantine.flagged),
            hydrate=partial(hydrate.cases_of, readers=reading.readers, quarantine=quarantine),
            rules=partial(rules.standing_here, wanted=wanted),
        ),
        before and Entry(*before),
        limit,
    )
    people = hydrate.people([it.case.owner_id for it in page.items], reading.readers)
    next_cursor = page.next and cursors.encode(scope, *page.next)
    return reading.answer(response.queue(page.items, people, reading.now_ms(), next_cursor))


@router.get("/moderation/cases/{case_id}", **describe(CaseDetail, *REFUSALS, "case_not_found", signed_in=True))
async def case(reading: ModeratorReading, case_id: CaseIdPath) -> Response:
    """Return a case: its tweet, its reports, what was done."""
    subject_id = from_uuid(case_id)
    quarantine = reading.services.quarantine
    found = None if subject_id is None else hydrate.detail(subject_id, reading.readers, quarantine, MOST_AUDITED)
    if found is None:
        raise Problem("case_not_found")
    tweet = None
    if found.tweet is not None:
        item = alone(found.tweet)
        tweet = tweet_object(item, details([item], 0, reading.readers))
    return reading.answer(response.case(found, tweet, reading.now_ms()))


@router.get("/moderation/audit", **describe(Audit, *REFUSALS, "cursor_invalid", signed_in=True))
async def audit(reading: ModeratorReading, limit: PageLimit = 50, cursor: Cursor = None) -> Response:
    """Return what was done, newest first: every report, claim, note, decision and appeal."""
    before = cursors.decode("moderation:audit", cursor)
    found = reading.readers.moderation.audit(None if before is None else before[1], limit + 1)
    page = found[:limit]
    next_cursor = cursors.encode("moderation:audit", 0, page[-1].event_id) if len(found) > limit else None
    return reading.answer(response.audit(page, next_cursor))


@router.get("/moderation/trends", **describe(Denied, *REFUSALS, signed_in=True))
async def denied_topics(reading: ModeratorReading) -> Response:
    """Return the topics that must not trend."""
    return reading.answer(orjson.dumps({"topics": sorted(reading.readers.moderation.denied())}))
