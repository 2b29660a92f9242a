"""One query: who asks, from which read models, how fresh. A dependency of every endpoint, so that none can forget.

After the dependency an endpoint does not await. On files it then reads in one go, with caches as fresh as the files;
on servers other requests run between two of its reads, and caches are as fresh as the token that it waited for
(infra.progress) and never hold what was read before a change was heard of (infra.loading).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi import Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.auth.bearer import identify, subject
from infra.consistency import HEADER, MAX_CHARS, InvalidConsistencyTokenError
from infra.http.problems import Problem
from query_api.errors import NotKeptError
from query_api.freshness import MAX_WAIT_MS
from query_api.stores import HOME
from query_api.tweets.rules import NOBODY, is_limited, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from query_api.bootstrap import Services
    from query_api.stores import Readers
    from query_api.tweets.rules import Shown

    Shows = Sequence[tuple[int, Shown]]

ANONYMOUS = 0  # no account has this id

LAG_HEADER = "X-Projection-Lag"
STALE_HEADER = "X-Stale"
FRESHNESS = "murmuration.freshness"  # these headers in the request's scope: a refusal is as fresh as what it read
_NUMBER = re.compile(r"[0-9]{1,5}")

WAIT_MS = "wait_ms"

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Of a command's answer: wait until its effects can be read.",
        "schema": {"type": "string", "maxLength": MAX_CHARS},
    },
    {
        "name": WAIT_MS,
        "in": "query",
        "required": False,
        "description": "Longest wait for the consistency token, in milliseconds.",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_MS},
    },
]
"""What every query takes, for the OpenAPI document; read here by hand, which costs 40 µs less than by the framework."""


class Reading(NamedTuple):
    """What an endpoint works with; `viewer_id` is ANONYMOUS where nobody is signed in.

    `at_ms`: the moment that its readers are of, where one was asked for (query_api.as_of).
    """

    services: Services
    readers: Readers
    viewer_id: int
    headers: dict[str, str]
    at_ms: int | None = None

    def now_ms(self) -> int:
        """Return the time that the answer is of: the present, unless a moment was asked for."""
        return self.services.clock.now_ms() if self.at_ms is None else self.at_ms

    def blocked(self) -> frozenset[int]:
        """Return the accounts that the viewer blocks or is blocked by, and those that nobody is shown."""
        gone = self.readers.standings.gone
        return (self.readers.hidden(self.viewer_id).blocked if self.viewer_id else NOBODY) | gone

    def hidden(self, except_for: int = ANONYMOUS) -> frozenset[int]:
        """Return the accounts whose tweets the viewer does not see; a mute of `except_for` does not count."""
        gone = self.readers.standings.gone
        if not self.viewer_id:
            return gone
        hidden = self.readers.hidden(self.viewer_id)
        return gone.union(hidden.blocked, hidden.muted - {except_for} if except_for else hidden.muted)

    def show(self, hidden: frozenset[int], tweet_ids: Sequence[int], known: Mapping[int, Shown]) -> Shows:
        """Return what shows in a list that nobody asked an author for: less what does not reach the viewer."""
        return self.reached(visible(tweet_ids, known, hidden))

    def reached(self, pairs: Shows) -> Shows:
        """Return the tweets that reach the viewer, of those that show: a limited reach is who follows the author."""
        limited = self.readers.standings.limited
        authors = {item.subject.author_id for _, item in pairs if is_limited(item, limited)} - {self.viewer_id}
        if not authors:
            return pairs
        if self.viewer_id:
            authors -= self.readers.graph.followed(self.viewer_id, authors)
        return [pair for pair in pairs if pair[1].subject.author_id not in authors or not is_limited(pair[1], limited)]

    def answer(self, body: bytes) -> Response:
        """Return a JSON answer that says how fresh it is."""
        return Response(body, headers=self.headers, media_type="application/json")


class _Waited(NamedTuple):
    """What came of a consistency token: which projections it has not been passed by, and what follows from it."""

    behind: tuple[str, ...] = ()
    pulls: bool = False  # all but the store of home timelines have passed it

    def over(self, readers: Readers, services: Services) -> Readers:
        """Return the readers, less what would not be as fresh as the token."""
        if self.pulls and services.timelines is not None:
            readers = readers._replace(home_timeline=services.timelines.pulled)
        return readers


_NOT_ASKED = _Waited()


class Reads:
    """Dependency: waits for the caller's consistency token, then opens a Reading over the projections named."""

    def __init__(self, *projections: str, signed_in: bool = False) -> None:
        self.projections = projections
        self._signed_in = signed_in
        self._needed = frozenset(projections)

    async def __call__(self, request: Request) -> Reading:
        """Return the Reading; raises the problems of a bad token and of read models that are not there."""
        services: Services = request.app.state.services
        if not services.stores.names >= self._needed:
            raise NotKeptError(self._needed - services.stores.names)
        who = await subject(request) if self._signed_in else identify(request)
        token, wait_ms = request.headers.get(HEADER), _wait_ms(request)
        known = services.stores.assembled
        waited = _NOT_ASKED if token is None else await self._wait(services, token, wait_ms)
        readers = services.stores.readers()
        if token is not None and services.stores.assembled != known:  # what was waited for is not what is read now
            waited = await self._wait(services, token, wait_ms)
            readers = services.stores.readers()
        readers.standings.look()
        services.quarantine.look(readers, services.clock.now_ms())
        if who is not None:
            check_standing(who.user_id, readers)
        readers = waited.over(readers, services)
        headers = {LAG_HEADER: services.lag.header(self.projections)}
        if waited.behind:
            headers[STALE_HEADER] = "true"
        request.scope[FRESHNESS] = headers
        viewer_id = ANONYMOUS if who is None else who.user_id
        return Reading(services, readers, viewer_id, headers)

    async def _wait(self, services: Services, token: str, wait_ms: int | None) -> _Waited:
        try:
            positions = services.tokens.read(token)
        except InvalidConsistencyTokenError as error:
            raise Problem("consistency_token_invalid", str(error), param=HEADER) from error
        patience = services.settings.wait_ms if wait_ms is None else wait_ms
        timelines = services.timelines
        needed = self.projections
        if timelines is not None and timelines.watch.pulls():
            needed = tuple(name for name in needed if name != HOME)
        behind = await services.freshness.left_behind(positions, needed, patience)
        services.lag.forget()
        if timelines is not None and behind == (HOME,):
            return _Waited((), pulls=True)
        return _Waited(behind)


def check_standing(user_id: int, readers: Readers) -> None:
    """Refuse who may do nothing now; raises the 403 problem."""
    code = readers.standings.refusal(user_id)
    if code is not None:
        raise Problem(code)


def _wait_ms(request: Request) -> int | None:
    if WAIT_MS.encode() not in request.scope["query_string"]:
        return None
    text = request.query_params.get(WAIT_MS)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or int(text) > MAX_WAIT_MS:
        raise Problem("parameter_invalid", f"{WAIT_MS} is a whole number from 0 to {MAX_WAIT_MS}", param=WAIT_MS)
    return int(text)
