"""One's own data over HTTP: asking for an export, and fetching it, whole or in parts."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from commands.execution import encode
from commands.operations import PREFIX
from commands.privacy.answer import ExportAnswer
from commands.privacy.shelf import ZIP, Done
from infra.auth.tokens import Subject
from infra.clock import rfc3339
from infra.http.openapi import operation
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited_subject
from infra.objects.port import ObjectError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from commands.privacy.shelf import Shelf
    from commands.services import Services

STRUCTS = (ExportAnswer,)
Who = Annotated[Subject, limited_subject(RateClass.AUTH)]
DOWNLOAD = f"{PREFIX}/users/me/export/file"
CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")

router = APIRouter(prefix=f"{PREFIX}/users", tags=["privacy"])


@router.get("/me/export", **operation(ExportAnswer, status=202, problems=("not_ready", "not_the_subject")))
async def ask(request: Request, who: Who) -> Response:
    """Ask for all of one's data: a job, which is made once and kept for some days."""
    services: Services = request.app.state.services
    try:
        found = await asyncio.to_thread(_shelf(services).ask, who.user_id, services.clock.now_ms())
    except ObjectError as error:
        raise Problem("not_ready", "The store of exports does not answer.") from error
    return Response(encode(_told(found)), 202, media_type="application/json")


@router.get("/me/export/file", include_in_schema=False)
async def fetch(request: Request, who: Who) -> Response:
    """Fetch the export; only its owner may."""
    services: Services = request.app.state.services
    shelf = _shelf(services)
    try:
        done = await asyncio.to_thread(shelf.done, who.user_id)
        if done is None or done.expires_ms <= services.clock.now_ms():
            raise Problem("export_not_found")
        start, end = _part(request.headers.get("range"), done.bytes)
        source = await asyncio.to_thread(shelf.open, who.user_id, start, end - start)
    except ObjectError as error:
        raise Problem("not_ready", "The store of exports does not answer.") from error
    headers = {
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": 'attachment; filename="murmuration-export.zip"',
        "ETag": f'"{done.sha256}"',
    }
    whole = (start, end) == (0, done.bytes)
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{done.bytes}"
    return StreamingResponse(_chunks(source), 200 if whole else 206, headers, ZIP)


def _shelf(services: Services) -> Shelf:
    if services.privacy.shelf is None:
        raise Problem("not_ready", "This installation has no object store.")
    return services.privacy.shelf


def _told(found: object) -> ExportAnswer:
    if not isinstance(found, Done):
        return ExportAnswer("preparing")
    return ExportAnswer("ready", DOWNLOAD, found.bytes, found.sha256, rfc3339(found.expires_ms))


def _part(text: str | None, size: int) -> tuple[int, int]:
    """Return the part that is asked for; what is no single range from a beginning is the whole."""
    asked = _RANGE.fullmatch(text or "")
    if asked is None:
        return 0, size
    start = int(asked[1])
    if start >= size:
        raise Problem("range_unsatisfiable", headers={"Content-Range": f"bytes */{size}"})
    return start, min(size, int(asked[2]) + 1 if asked[2] else size)


async def _chunks(source: BinaryIO) -> AsyncIterator[bytes]:
    with source:
        while chunk := await asyncio.to_thread(source.read, CHUNK):
            yield chunk
