"""Media over HTTP: upload, describe."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from commands.errors import CommandRefusedError
from commands.execution import done, encode, execute, respond
from commands.media import handler, lookups
from commands.media.answer import DescribeBody, MediaAnswer, ShownAnswer, media_answer
from commands.media.command import Describe, Upload
from commands.media.spool import received
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import body_of, check_subject, id_of
from infra.auth.tokens import Subject
from infra.http.middleware import Bounds
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute
from infra.journal.port import JournalError
from infra.media.kinds import MAX_VIDEO_BYTES
from infra.objects.port import ObjectError
from schemas.media.paths import upload_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from commands.decision import Decision, Stamp
    from commands.media.service import MediaParts
    from commands.media.spool import Received
    from commands.services import Services
    from infra.journal.port import Answer
    from infra.settings import Settings

MEDIA_PROBLEMS = ("media_unknown", "media_not_ready", "media_failed", "media_in_use", "media_mixed")
"""Of commands that attach."""
FORM_BYTES = 1 << 20  # of a form beside its file: headers, texts, what a careless client adds

log = logging.getLogger(__name__)

STRUCTS = (DescribeBody, MediaAnswer, ShownAnswer)
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "The image or the video."},
                    "alt_text": {"type": "string", "maxLength": 1000, "description": "What is to be seen."},
                },
            }
        }
    },
}
_PROBLEMS = (
    "media_format_unsupported",
    "media_too_large",
    "media_not_kept",
    "media_type_unsupported",
    "alt_text_invalid",
    "overloaded",
    "not_ready",
)
MediaIdText = Annotated[str, Path(alias="media_id", description="The UUIDv7 of an upload.")]
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]
Uploader = Annotated[Subject, limited_subject(RateClass.UPLOAD)]

router = APIRouter(prefix=f"{PREFIX}/media", route_class=DirectRoute, tags=["media"])
_id_of = msgspec.json.Decoder(MediaAnswer)


def _with_form(operation: dict[str, object]) -> dict[str, object]:
    operation["openapi_extra"] = {**operation["openapi_extra"], "requestBody": FORM}  # type: ignore[dict-item]
    return operation


@router.post("", **_with_form(described(MediaAnswer, status=201, problems=_PROBLEMS)))  # type: ignore[arg-type]
async def upload(request: Request, who: Uploader) -> Response:
    """Upload an image (5 MiB) or a video (500 MiB, two minutes); answers when it is decoded, or after media_wait_ms."""
    services: Services = request.app.state.services
    check_subject(request, who, None)
    services.views.check_standing(who.user_id)
    parts = parts_of(services)
    with parts.room():
        async with received(request, parts.folder) as sent:
            alt_text = handler.check_alt_text(sent.alt_text)
            answer = await _kept(request, who, sent, alt_text)
    return await told(services, answer)


async def told(services: Services, answer: Answer) -> Response:
    """Answer with what has become of an upload, after a while at most."""
    media_id = _id_of.decode(answer.body).media_id
    media = await parts_of(services).settled(services.views, media_id, answer.positions)
    if media is not None:
        answer = answer._replace(body=encode(media_answer(media, services.settings.media_url)))
    return respond(services, answer)


async def _kept(request: Request, who: Subject, sent: Received, alt_text: str) -> Answer:
    """Put the file where it is to be, and say so: once, however often it is asked for under one Idempotency-Key."""
    services: Services = request.app.state.services
    parts = parts_of(services)
    media_id = services.next_id()
    command = Upload(media_id, who.user_id, sent.content_type, sent.size, sent.sha256, alt_text)
    content = hashlib.sha256(f"{sent.sha256}\0{alt_text}".encode()).digest()

    async def decide(stamp: Stamp) -> Decision:
        return handler.upload(command, stamp)

    key = upload_key(media_id)
    try:
        await asyncio.to_thread(parts.objects.put, key, sent.file, sent.size, sent.content_type)
    except ObjectError as error:
        log.warning("an upload cannot be kept: %s", error)
        raise Problem("not_ready", "Media cannot be kept now.") from error
    try:
        answer = await done(request, who.user_id, decide, content)
    except (CommandRefusedError, JournalError, Problem):  # not LogUnavailableError: it may have been said
        await asyncio.to_thread(parts.objects.delete, key)
        raise
    if answer.replayed:
        await asyncio.to_thread(parts.objects.delete, key)
    return answer


@router.patch(
    "/{media_id}",
    **described(MediaAnswer, body=DescribeBody, problems=("alt_text_invalid", "media_not_found", "media_in_use")),
)
async def describe(request: Request, media_id: MediaIdText, who: Who) -> Response:
    """Say what is to be seen in an upload, before a tweet has it."""
    body = await body_of(request, DescribeBody, who)
    services: Services = request.app.state.services
    command = Describe(
        id_of(media_id, "media_not_found", "media_id"), who.user_id, handler.check_alt_text(body.alt_text)
    )

    async def decide(stamp: Stamp) -> Decision:
        [found] = await lookups.of_owner(services, who.user_id, [command.media_id])
        if found.media is None or found.media.collected_at_ms:
            raise Problem("media_not_found", param="media_id")
        return handler.describe(command, found, stamp, services.settings.media_url)

    return await execute(request, who.user_id, decide)


def wider(settings: Settings) -> Callable[[Scope], Bounds | None]:
    """Return what tells the bounds of uploads: no form is much larger than the largest file in it."""
    bounds = Bounds(MAX_VIDEO_BYTES + FORM_BYTES, settings.media_upload_timeout_s)
    small = bounds._replace(max_body_bytes=settings.max_body_bytes)

    def of(scope: Scope) -> Bounds | None:
        path, method = scope["path"], scope["method"]
        if method == "POST" and path == router.prefix:
            return bounds
        if not path.startswith(f"{router.prefix}/uploads/"):
            return None
        return bounds if method == "PUT" else small  # to complete one is to copy it

    return of


def parts_of(services: Services) -> MediaParts:
    """Return what media commands work with; raises a problem where there is nowhere to keep them."""
    if services.media is None:
        raise Problem("media_not_kept")
    return services.media
