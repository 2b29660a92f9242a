"""A file of the object store as an answer: whole, or the part of it that was asked for (RFC 9110, section 14)."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response, StreamingResponse

from query_api.read_only import HEAD_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from starlette.requests import Request

    from infra.objects.port import ObjectStore

CHUNK_BYTES = 256 << 10
LONGEST_RANGE = 100
_RANGE = re.compile(r"bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))")
_FOREVER = "public, max-age=31536000, immutable"  # a file's name is the digest of its bytes
OK, PARTIAL, NOT_CHANGED, UNSATISFIABLE = 200, 206, 304, 416


class Part(NamedTuple):
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def part_asked_for(text: str | None, size: int) -> Part | None:
    """Return the part that a Range header asks for, None for all: also where it asks for several, or cannot be read.

    One that lies behind the end is empty.
    """
    match = _RANGE.fullmatch(text.replace(" ", "")) if text is not None and len(text) <= LONGEST_RANGE else None
    if match is None:
        return None
    first, last, tail = match.groups()
    if tail is not None:
        return Part(max(0, size - int(tail)), size) if int(tail) else Part(size, size)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None
    return Part(int(first), end) if int(first) < size else Part(size, size)


async def answer(request: Request, objects: ObjectStore, key: str, content_type: str, etag: str) -> Response | None:
    """Return the object as an answer; None where there is none. Raises ObjectsUnavailableError."""
    headers = {
        "ETag": etag,
        "Cache-Control": _FOREVER,
        "Content-Type": content_type,
        "Accept-Ranges": "bytes",
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if etag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=NOT_CHANGED, headers=headers)
    told = await asyncio.to_thread(objects.stat, key)
    if told is None:
        return None
    wanted = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    part = part_asked_for(wanted, told.bytes)
    if part is None:
        part, status = Part(0, told.bytes), OK
    elif part.start >= part.end:
        return Response(status_code=UNSATISFIABLE, headers={**headers, "Content-Range": f"bytes */{told.bytes}"})
    else:
        status = PARTIAL
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{told.bytes}"
    headers["Content-Length"] = str(part.end - part.start)
    if request.scope.get(HEAD_ONLY):
        return Response(status_code=status, headers=headers)
    source = await asyncio.to_thread(objects.open, key, part.start, part.end - part.start)
    return StreamingResponse(_chunks(source), status, headers)


async def _chunks(source: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            yield chunk
    finally:
        source.close()
