"""Several objects read as one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _typeshed import WriteableBuffer

    from infra.objects.port import ObjectStore


def joined(objects: ObjectStore, sizes: Sequence[tuple[str, int]], start: int, length: int) -> BinaryIO:
    """Return a reader of `length` bytes from `start` on of what the objects are one behind the other."""
    return cast("BinaryIO", io.BufferedReader(_Joined(_spans(objects, sizes, start, length))))


class _Joined(io.RawIOBase):
    """Opens the next object when the one before is read."""

    def __init__(self, sources: Iterator[BinaryIO]) -> None:
        self._sources = sources
        self._source = next(sources, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while self._source is not None:
            if chunk := self._source.read(len(view)):
                view[: len(chunk)] = chunk
                return len(chunk)
            self._source.close()
            self._source = next(self._sources, None)
        return 0

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        super().close()


def _spans(objects: ObjectStore, sizes: Sequence[tuple[str, int]], start: int, length: int) -> Iterator[BinaryIO]:
    at, stop = 0, start + length
    for key, size in sizes:
        first, last = max(start, at), min(stop, at + size)
        if first < last:
            yield objects.open(key, first - at, last - first)
        at += size
