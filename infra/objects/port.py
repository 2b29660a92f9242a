"""The object store as everything else sees it: bytes of any size under a key, whole or not there.

Adapters: `infra.objects.directory` (files), `infra.objects.s3` (any server of Amazon's protocol). Both are synchronous
and may be used by several threads; whoever serves an event loop calls them in a thread. What both promise:

  * an object appears whole, and is durable, when `put` returns; one that failed or was killed leaves nothing to be seen
  * a put under a key that is taken replaces the object; who reads the old one goes on reading that, or is told
  * keys are made by the program, never by people (`checked_key`); no key is the folder of another: not `a` and `a/b`
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

MAX_KEY_LENGTH = 400  # of 1,024 bytes that S3 takes; a part of a path may have 255
MAX_PART_LENGTH = 200
CHUNK_BYTES = 1 << 20
OCTETS = "application/octet-stream"
_PART = re.compile(rf"[a-z0-9_-][a-z0-9._-]{{0,{MAX_PART_LENGTH - 1}}}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")


class ObjectError(Exception):
    """Base of what an object store raises.

    ObjectError
    ├── ObjectMissingError     there is none under the key
    ├── ObjectShortError       the source ended before the length that was told; nothing is kept
    └── ObjectsUnavailableError  no answer, disk full, refused: what was asked for is not known to be done
    """


class ObjectMissingError(ObjectError):
    """There is no object under the key; the message is the key."""


class ObjectShortError(ObjectError):
    """The source of a put ended before the length that was told."""


class ObjectsUnavailableError(ObjectError):
    """The store cannot be used: no server answers, the disk is full, the credentials are refused."""


class Listed(NamedTuple):
    """An object as a list tells it."""

    key: str
    bytes: int
    modified_ms: int


class ObjectStat(NamedTuple):
    """What is known of an object."""

    key: str
    bytes: int
    content_type: str
    modified_ms: int


class PresignedPut(NamedTuple):
    """An upload that somebody without credentials may make: PUT to `url` with exactly these headers."""

    url: str
    headers: Mapping[str, str]


class ObjectStore(Protocol):
    """Keeps objects."""

    def put(self, key: str, source: BinaryIO, length: int, content_type: str = OCTETS) -> None:
        """Keep exactly `length` bytes of the source under the key; durable at return. Never holds more than a chunk.

        Raises ObjectShortError where the source has fewer; what it has beyond is not read.
        """

    def put_new(self, key: str, content: bytes, content_type: str = OCTETS) -> bool:
        """Keep a small object unless the key is taken; tell whether it was kept. Of several at once one is told so."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """Return a reader of the bytes from `start` on, at most `length`; nothing beyond the end. To be closed.

        Raises ObjectMissingError. The reader raises ObjectsUnavailableError where the bytes stop before the end.
        """

    def stat(self, key: str) -> ObjectStat | None:
        """Return what is known of an object, or None where there is none."""

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the objects whose keys begin so, in the order of their keys."""

    def presigned_put(self, key: str, length: int, content_type: str, seconds: int) -> PresignedPut | None:
        """Return an upload of just so many bytes of that type, allowed for `seconds`; None: it has to go through us."""

    def presigned_get(self, key: str, seconds: int) -> str | None:
        """Return an address at which anybody may read the object for `seconds`; None: it has to go through us."""


def checked_key(key: str) -> str:
    """Return the key; raises ValueError for one that no program of ours makes (`..`, capitals, a leading slash)."""
    if len(key) > MAX_KEY_LENGTH or not all(_PART.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"no key of an object: {key[:MAX_KEY_LENGTH]!r}")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the beginning of keys; raises ValueError for one that no key has."""
    folder, _, rest = prefix.rpartition("/")
    for it in (folder, rest):
        if it:
            checked_key(it)
    if prefix.startswith("/"):
        raise ValueError(f"no beginning of a key: {prefix!r}")
    return prefix


def checked_type(content_type: str) -> str:
    """Return the media type; raises ValueError for one with parameters, or anything that could break a header."""
    if not _TYPE.fullmatch(content_type):
        raise ValueError(f"no plain media type: {content_type!r}")
    return content_type


class Exactly:
    """The first `length` bytes of a source: it raises where there are fewer, and never reads on."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        if length < 0:
            raise ValueError(f"an object has no {length} bytes")
        self._source, self._length = source, length
        self.left = length

    def read(self, amount: int = -1) -> bytes:
        """Return up to so many bytes; none are left when it returns none."""
        wanted = self.left if amount < 0 else min(amount, self.left)
        if not wanted:
            return b""
        chunk = self._source.read(wanted)
        if not chunk:
            raise ObjectShortError(f"the source ended after {self._length - self.left} of {self._length} bytes")
        self.left -= len(chunk)
        return chunk
