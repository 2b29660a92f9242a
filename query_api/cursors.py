"""Page tokens: a tweet's id as `max_id`, an opaque `cursor` where a list is ordered by time.

A cursor carries the key of the last row and a digest over the list that it belongs to, so that one that was made up,
cut short or taken from another list is refused, not read as some position. It is no secret and grants nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from query_api.errors import InvalidCursorError
from schemas.ids import MAX_ID, from_uuid

_KEY = struct.Struct(">QQ")  # unix milliseconds, id
_DIGEST_BYTES = 8  # 24 bytes in all: no padding in base64
CURSOR_CHARS = 32


def parse_max_id(text: str | None) -> int | None:
    """Return the id that a page begins below; raises InvalidCursorError where it is no id of ours."""
    if text is None:
        return None
    tweet_id = from_uuid(text)
    if tweet_id is None:
        raise InvalidCursorError("max_id", "max_id is not an id of this service; pass next_max_id as it was given")
    return tweet_id


def encode(scope: str, at_ms: int, row_id: int) -> str:
    """Return the cursor of the page below a row of the list that `scope` names."""
    key = _KEY.pack(at_ms, row_id)
    return base64.urlsafe_b64encode(key + _digest(scope, key)).decode("ascii")


def decode(scope: str, cursor: str | None) -> tuple[int, int] | None:
    """Return the key (unix milliseconds, id) that a cursor carries; raises InvalidCursorError."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    key = raw[: _KEY.size]
    if len(raw) != _KEY.size + _DIGEST_BYTES or raw[_KEY.size :] != _digest(scope, key):
        raise InvalidCursorError("cursor", "the cursor is not one of this list; pass next_cursor as it was given")
    at_ms, row_id = _KEY.unpack(key)
    if max(at_ms, row_id) > MAX_ID:  # anyone can make a digest, and stores hold 63 bits
        raise InvalidCursorError("cursor", "the cursor is not one of this list; pass next_cursor as it was given")
    return at_ms, row_id


def _digest(scope: str, key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES, key=scope.encode()).digest()
