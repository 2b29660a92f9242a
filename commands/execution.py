"""Runs one command: waits for its token, decides, commits events with claims and answer, and answers.

Guarantee:  a 2xx is durable; the same Idempotency-Key and request give the same answer and one event, also in flight
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from commands.decision import Stamp
from commands.errors import CommandRefusedError
from infra.consistency import HEADER, InvalidConsistencyTokenError
from infra.http.problems import REQUEST_ID, Problem
from infra.journal.port import AlreadyClaimedError, Answer, Commit, IdempotencyKey, NotClaimedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from commands.decision import Decision
    from commands.services import Services
    from infra.log.port import Position

IDEMPOTENCY_HEADER = b"idempotency-key"
_KEY = re.compile(rb"[\x21-\x7e]{1,128}")
_ATTEMPTS = 3  # a claim lost to a twin in flight is seen by the next decision; a third one needs three twins

encode = msgspec.json.Encoder().encode


async def execute(
    request: Request,
    actor_id: int,
    decide: Callable[[Stamp], Awaitable[Decision]],
    *,
    suspended_too: bool = False,
) -> Response:
    """Run the command of an account and return its answer; `suspended_too`: also of one that is suspended."""
    answer = await done(request, actor_id, decide, suspended_too=suspended_too)
    return respond(request.app.state.services, answer)


async def done(
    request: Request,
    actor_id: int,
    decide: Callable[[Stamp], Awaitable[Decision]],
    content: bytes | None = None,
    *,
    suspended_too: bool = False,
) -> Answer:
    """Run the command of an account; `content` stands for a body that is too large to be read again."""
    services: Services = request.app.state.services
    if not suspended_too:
        services.views.check_standing(actor_id)
    key_text, token = idempotency_key(request), request.headers.get(HEADER)
    if token is not None:
        await services.views.passed(read_token(services, token))
    key = None if key_text is None else IdempotencyKey(actor_id, key_text, await _request_hash(request, content))
    stamp = Stamp(actor_id, services.clock.now_ms(), request.scope[REQUEST_ID], services.next_id)
    try:
        answer = await _commit(services, lambda: decide(stamp), key)
    except CommandRefusedError:
        # The commit itself finds an earlier answer; where the world has changed since, it is looked for here.
        before = services.journal.answered(key) if key else None
        if before is None:
            raise
        answer = before
    return answer


def respond(services: Services, answer: Answer) -> Response:
    """Return the HTTP response of an answer, with its consistency token."""
    headers = {HEADER: services.consistency.write(answer.positions)}
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, "application/json")


async def _commit(services: Services, decide: Callable[[], Awaitable[Decision]], key: IdempotencyKey | None) -> Answer:
    for attempt in range(1, _ATTEMPTS + 1):
        decision = await decide()
        body = encode(decision.answer)
        if not decision.events:
            return await _unchanged(services, decision, body, key)
        commit = Commit(decision.events, decision.claims, decision.releases, decision.status, body, key, decision.free)
        try:
            return await services.journal.commit(commit)
        except (AlreadyClaimedError, NotClaimedError):
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError  # the loop returns or raises


async def _unchanged(services: Services, decision: Decision, body: bytes, key: IdempotencyKey | None) -> Answer:
    ends = tuple(end for topic, of in decision.concerns for end in services.journal.ends(topic, of))
    if key:
        answer = await services.journal.commit(Commit((), (), (), decision.status, body, key))
        return answer if answer.replayed else answer._replace(positions=ends)
    return Answer(decision.status, body, ends)


def read_token(services: Services, text: str) -> list[Position]:
    """Return the positions of a consistency token; a made-up one is a 400."""
    try:
        return services.consistency.read(text)
    except InvalidConsistencyTokenError as error:
        raise Problem("consistency_token_invalid", str(error), param=HEADER) from error


def idempotency_key(request: Request) -> str | None:
    """Return the key that the caller sent; one that is too long or not printable is a 400."""
    for name, value in request.scope["headers"]:
        if name == IDEMPOTENCY_HEADER:
            if not _KEY.fullmatch(value):
                raise Problem("idempotency_key_invalid", param="Idempotency-Key")
            text: str = value.decode()
            return text
    return None


async def _request_hash(request: Request, content: bytes | None) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.scope['path']}\0".encode())
    digest.update(await request.body() if content is None else content)
    return digest.digest()
