"""Receives a file, of a form or a body, while it streams in: onto the disk, not into memory, no more than is allowed.

Guarantee:  at most FLUSH_BYTES and what the server has read ahead are held; a form that says more than it may, a file
            that is too large or of no accepted type is refused as soon as that shows; names and types that the caller
            gives are not looked at; a file without a name goes with its process, however that ends
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from infra.http.problems import Problem
from infra.media.installed import images_installed, videos_installed
from infra.media.kinds import ACCEPTED, HEAD_BYTES, MAX_VIDEO_BYTES, max_bytes, sniffed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

FLUSH_BYTES = 1 << 20
MAX_TEXT_BYTES = 16_384
MAX_PARTS = 8
MAX_HEADER_BYTES = 4_096
STALLED_S = 30.0  # a caller who sends nothing for so long has gone
FILE, ALT_TEXT = b"file", b"alt_text"


class Received(NamedTuple):
    """A whole file, at its beginning."""

    file: BinaryIO
    size: int
    sha256: str
    content_type: str
    alt_text: str


@asynccontextmanager
async def received(request: Request, folder: Path) -> AsyncIterator[Received]:
    """Yield the file of a form with the parts `file` and, if need be, `alt_text`; raises a problem."""
    form = _Form(_boundary(request))
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as made:
        file = cast("BinaryIO", made)
        async for chunk in _chunks(request):
            form.take(chunk)
            if len(form.waiting) >= FLUSH_BYTES:
                await asyncio.to_thread(form.flush, file)
        await asyncio.to_thread(form.flush, file)
        yield form.end(file)


@asynccontextmanager
async def whole(request: Request, folder: Path, size: int) -> AsyncIterator[BinaryIO]:
    """Yield a body of exactly so many bytes as a file at its beginning; raises a problem."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as made:
        file, waiting, left = cast("BinaryIO", made), bytearray(), size
        async for chunk in _chunks(request):
            left -= len(chunk)
            if left < 0:
                break
            waiting += chunk
            if len(waiting) >= FLUSH_BYTES:
                await asyncio.to_thread(_write, file, waiting)
                waiting = bytearray()
        if left:
            raise Problem("media_not_sent", f"{size} bytes were announced.", headers={"Connection": "close"})
        await asyncio.to_thread(_write, file, waiting)
        file.seek(0)
        yield file


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    chunks = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(STALLED_S):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem("request_timeout", headers={"Connection": "close"}) from None
        yield chunk


def _write(file: BinaryIO, waiting: bytearray) -> None:
    try:
        file.write(waiting)
        file.flush()
    except OSError as error:
        raise Problem("overloaded", "There is no room for uploads now.") from error


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: bytes = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem("media_type_unsupported", "Send multipart/form-data with a part named file.")
    return boundary


class _Form:
    """The parts as they come: of the file only what is not on the disk yet."""

    def __init__(self, boundary: bytes) -> None:
        self.waiting = bytearray()
        self._size = 0
        self._digest = hashlib.sha256()
        self._head = b""
        self._content_type: str | None = None
        self._name = b""
        self._header = b""
        self._value = b""
        self._texts: dict[bytes, bytearray] = {}
        self._files = self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_header,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed("The boundary is not valid.") from error

    def take(self, chunk: bytes) -> None:
        """Take what came in; raises a problem."""
        if self._ended and chunk:
            return  # what stands behind the form's end says nothing
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed("The form cannot be read.") from error

    def flush(self, file: BinaryIO) -> None:
        """Write what waits; blocks."""
        waiting, self.waiting = self.waiting, bytearray()
        self._digest.update(waiting)
        _write(file, waiting)

    def end(self, file: BinaryIO) -> Received:
        """Return the whole of it; raises a problem where something is missing."""
        if not self._ended or not self._files:
            raise _malformed("There is no part named file, or the form ends before its end.")
        if self._content_type is None:
            self._content_type = accepted(self._head, self._size)
        file.seek(0)
        try:
            alt_text = self._texts.get(ALT_TEXT, bytearray()).decode()
        except UnicodeDecodeError as error:
            raise _malformed("alt_text is not UTF-8.") from error
        return Received(file, self._size, self._digest.hexdigest(), self._content_type, alt_text)

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _malformed(f"The form has more than {MAX_PARTS} parts.")
        self._name = self._header = self._value = b""

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._bound()

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound()

    def _bound(self) -> None:
        if len(self._header) + len(self._value) > MAX_HEADER_BYTES:
            raise _malformed("A header of a part is too long.")

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._name = parse_options_header(self._value)[1].get(b"name", b"")
        self._header = self._value = b""

    def _end_headers(self) -> None:
        if self._name == FILE:
            self._files += 1
            if self._files > 1:
                raise _malformed("The form has more than one part named file.")
        elif self._name == ALT_TEXT and ALT_TEXT not in self._texts:
            self._texts[ALT_TEXT] = bytearray()
        else:
            raise _malformed("The form has parts other than one file and one alt_text.")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == ALT_TEXT:
            text = self._texts[ALT_TEXT]
            text += data[start:end]
            if len(text) > MAX_TEXT_BYTES:
                raise Problem("alt_text_invalid", param="alt_text")
            return
        self._size += end - start
        if len(self._head) < HEAD_BYTES:
            self._head += data[start : min(end, start + HEAD_BYTES - len(self._head))]
        if self._content_type is None and len(self._head) == HEAD_BYTES:
            self._content_type = accepted(self._head, self._size)
        if self._size > (MAX_VIDEO_BYTES if self._content_type is None else max_bytes(self._content_type)):
            raise _too_large(self._content_type)
        self.waiting += data[start:end]

    def _end(self) -> None:
        self._ended = True


def accepted(head: bytes, size: int) -> str:
    """Return the type that a file is of; raises a problem where it is not taken here."""
    return checked(sniffed(head), size)


def checked(content_type: str | None, size: int) -> str:
    """Return the type where so large a file of it is taken here; raises a problem."""
    if content_type not in ACCEPTED:
        raise Problem("media_format_unsupported", param="file", headers={"Connection": "close"})
    if not (videos_installed() if ACCEPTED[content_type].video else images_installed()):
        raise Problem("media_not_kept", headers={"Connection": "close"})
    if size > max_bytes(content_type):
        raise _too_large(content_type)
    return content_type


def _too_large(content_type: str | None) -> Problem:
    most = MAX_VIDEO_BYTES if content_type is None else max_bytes(content_type)
    detail = f"At most {most >> 20} MiB are taken of this kind."
    return Problem("media_too_large", detail, param="file", headers={"Connection": "close"})


def _malformed(detail: str) -> Problem:
    return Problem("body_invalid", detail, headers={"Connection": "close"})
