"""Uploads that are announced, sent by themselves, and completed: what is large goes past the command process if it can.

Guarantee:  of what a 201 of `complete` said nothing is lost: the copy that it speaks of is durable before the event is;
            a claim lets it be said once, however often and by how many it is completed at once. Killed anywhere before,
            it can be completed again; what nobody completes is collected
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from commands import claims
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.execution import done, respond
from commands.fields import Id, Time
from commands.media import handler, lookups, promises
from commands.media.answer import MAX_SENT_ALT, MediaAnswer, media_answer
from commands.media.command import Upload
from commands.media.endpoint import MediaIdText, Uploader, Who, parts_of, told
from commands.media.promises import Promise
from commands.media.spool import checked, whole
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import body_of, check_subject, id_of, no_body
from infra.clock import rfc3339
from infra.http.openapi import operation
from infra.http.problems import Problem
from infra.http.routes import DirectRoute
from infra.journal.port import JournalError
from infra.objects.port import ObjectError
from schemas.catalogue import MEDIA
from schemas.ids import to_uuid, unix_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.decision import Stamp
    from commands.media.promises import Arrived
    from commands.services import Services

T = TypeVar("T")
MAX_TYPE_CHARS = 64

log = logging.getLogger(__name__)


class UploadBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is going to be sent: its media type, how many bytes it has, what is to be seen."""

    type: Annotated[str, msgspec.Meta(max_length=MAX_TYPE_CHARS)]
    bytes: Annotated[int, msgspec.Meta(ge=1)]
    alt_text: Annotated[str, msgspec.Meta(max_length=MAX_SENT_ALT)] = ""
    user_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class UploadAnswer(msgspec.Struct):
    """Where to send it, with which headers; a `url` that is a path is ours, and wants the access token besides."""

    media_id: Id
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Time


class SentAnswer(msgspec.Struct):
    """What was sent is there."""

    media_id: Id
    bytes: int


STRUCTS = (UploadBody, UploadAnswer, SentAnswer)
_KINDS = ("media_format_unsupported", "media_too_large", "media_not_kept")
_BUSY = ("overloaded", "not_ready")

router = APIRouter(prefix=f"{PREFIX}/media/uploads", route_class=DirectRoute, tags=["media"])


@router.post(
    "",
    **described(
        UploadAnswer,
        status=201,
        body=UploadBody,
        problems=(*_KINDS, "alt_text_invalid", "too_many_uploads", "not_ready"),
    ),
)
async def announce(request: Request, who: Uploader) -> Response:
    """Announce an upload: answers where its bytes go, within an hour. Ten may be open at a time."""
    services: Services = request.app.state.services
    body = await body_of(request, UploadBody, who)
    services.views.check_standing(who.user_id)
    objects, media_id = parts_of(services).objects, services.next_id()
    promise = Promise(checked(body.type, body.bytes), body.bytes, handler.check_alt_text(body.alt_text))
    if not await _kept(promises.promised, objects, who.user_id, media_id, promise):
        raise Problem("too_many_uploads")
    forget = partial(_kept, promises.forget, objects, who.user_id, media_id)

    async def decide(_: Stamp) -> Decision:
        return Decision(_address(services, media_id, promise), status=201)

    try:
        answer = await done(request, who.user_id, decide)
    except (CommandRefusedError, JournalError, Problem):
        await forget()
        raise
    if answer.replayed:
        await forget()
    return respond(services, answer)


def _address(services: Services, media_id: int, promise: Promise) -> UploadAnswer:
    key, uuid = promises.sent_key(media_id), to_uuid(media_id)
    signed = parts_of(services).objects.presigned_put(key, promise.size, promise.content_type, promises.SEND_S)
    url, headers = signed or (
        f"{router.prefix}/{uuid}",
        {"content-length": str(promise.size), "content-type": promise.content_type},
    )
    until = rfc3339(unix_ms(media_id) + promises.SEND_S * 1000)
    return UploadAnswer(uuid, "PUT", url, dict(headers), until)


@router.put(
    "/{media_id}",
    **operation(
        SentAnswer,
        problems=(
            *("media_not_found", "media_not_sent", "media_type_unsupported", "media_not_kept"),
            *("not_the_subject", "account_suspended", "projection_behind", *_BUSY),
        ),
    ),
)
async def send(request: Request, media_id: MediaIdText, who: Uploader) -> Response:
    """Send the bytes that were announced, as they are; they can be sent again until the upload is complete."""
    services: Services = request.app.state.services
    check_subject(request, who, None)
    services.views.check_standing(who.user_id)
    parts, number = parts_of(services), id_of(media_id, "media_not_found", "media_id")
    now_ms, lasts_ms = services.clock.now_ms(), promises.SEND_S * 1000
    promise = await _kept(promises.find, parts.objects, who.user_id, number, now_ms, lasts_ms)
    if promise is None:
        raise Problem("media_not_found", param="media_id", headers={"Connection": "close"})
    if request.headers.get("content-type") != promise.content_type:
        detail = f"It was announced as {promise.content_type}."
        raise Problem("media_type_unsupported", detail, headers={"Connection": "close"})
    with parts.room():
        async with whole(request, parts.folder, promise.size) as file:
            key = promises.sent_key(number)
            await _kept(parts.objects.put, key, file, promise.size, promise.content_type)
    return Response(msgspec.json.encode(SentAnswer(to_uuid(number), promise.size)), media_type="application/json")


@router.post(
    "/{media_id}/complete",
    **described(MediaAnswer, status=201, problems=(*_KINDS, *_BUSY, "media_not_found", "media_not_sent")),
)
async def complete(request: Request, media_id: MediaIdText, who: Who) -> Response:
    """Say that all was sent; answers as POST /media does, and the same however often it is said."""
    services: Services = request.app.state.services
    await no_body(request, who)
    services.views.check_standing(who.user_id)
    parts, number = parts_of(services), id_of(media_id, "media_not_found", "media_id")
    promise = await _kept(promises.find, parts.objects, who.user_id, number, services.clock.now_ms())
    sent: Arrived | None = None
    if services.journal.owner(claims.completed_key(number)) is None:
        if promise is None:
            raise Problem("media_not_found", param="media_id")
        with parts.room():
            sent = await _kept(promises.arrived, parts.objects, number, promise.size)

    async def decide(stamp: Stamp) -> Decision:
        holder = services.journal.owner(claims.completed_key(number))
        if holder is not None:
            return await _completed(services, number, who.user_id, holder)
        if sent is None or promise is None:
            raise Problem("media_not_sent")
        upload = Upload(number, who.user_id, sent.content_type, promise.size, sent.sha256, promise.alt_text)
        return handler.upload(upload, stamp)._replace(claims=(claims.completed(number, who.user_id),))

    answer = await done(request, who.user_id, decide)
    if promise is not None:
        try:
            await asyncio.to_thread(promises.forget, parts.objects, who.user_id, number)
        except ObjectError as error:  # it is said: what is left is collected
            log.warning("what was sent stays for a while: %s", error)
    return await told(services, answer)


async def _completed(services: Services, media_id: int, user_id: int, holder: int) -> Decision:
    """Decide where it was said before: nothing changes."""
    [found] = await lookups.of_owner(services, user_id, [media_id])
    if holder != user_id or found.media is None or found.media.collected_at_ms:
        raise Problem("media_not_found", param="media_id")
    answer = media_answer(found.media, services.settings.media_url)
    return Decision(answer, status=201, concerns=(Concern(MEDIA, user_id),))


async def _kept(work: Callable[..., T], *about: object) -> T:
    """Do something with the object store, in a thread."""
    try:
        return await asyncio.to_thread(work, *about)
    except ObjectError as error:
        log.warning("the object store fails an upload: %s", error)
        raise Problem("not_ready", "Media cannot be kept now.") from error
