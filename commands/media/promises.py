"""Uploads that were announced and are not complete: what each is to be, and the bytes as they were sent.

A promise is a small object under its account, the bytes are an object under the promise's id; so both profiles keep
them alike, and nobody else's id leads to them. What is sent can be sent again as long as its address is good: so it is
copied, while its digest is made, to where nobody but us writes, before anything is said of it.

Guarantee:  an account has at most MAX_OPEN promises that stand, however many it asks for at once; what is deleted here
            is of no more use: the collector deletes what nobody completed
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import msgspec

from commands.media.spool import accepted
from infra.media.kinds import HEAD_BYTES
from infra.objects.port import ObjectMissingError
from schemas.ids import first_id_at, from_uuid, to_uuid, unix_ms
from schemas.media.paths import upload_key

if TYPE_CHECKING:
    from infra.objects.port import ObjectStore

SENT, PROMISED = "sent/", "promised/"
MAX_OPEN = 10
"""Promises of an account that stand."""
SEND_S = 3_600
"""How long bytes may begin to be sent."""
STANDS_MS = 2 * SEND_S * 1000
"""How long it may be completed; both from its id on."""


class Promise(msgspec.Struct, frozen=True):
    """What its account said of it."""

    content_type: str
    size: int
    alt_text: str


class Arrived(NamedTuple):
    """What was sent, as it stands where nobody but us writes."""

    content_type: str
    sha256: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Promise).decode


def sent_key(media_id: int) -> str:
    """Return the key under which its sender, and nobody else, may put the bytes."""
    return f"{SENT}{to_uuid(media_id)}"


def promised(objects: ObjectStore, owner_id: int, media_id: int, promise: Promise) -> bool:
    """Keep a promise; False: the account has too many already. Of several at once none sees less than all before it."""
    objects.put_new(_key(owner_id, media_id), _encode(promise), "application/json")
    oldest = first_id_at(unix_ms(media_id) - STANDS_MS)
    kept = objects.list(f"{PROMISED}{to_uuid(owner_id)}/")
    standing = [it for it in kept if (from_uuid(it.key.rpartition("/")[2]) or 0) > oldest]
    if len(standing) <= MAX_OPEN:
        return True
    forget(objects, owner_id, media_id)
    return False


def find(objects: ObjectStore, owner_id: int, media_id: int, now_ms: int, lasts_ms: int = STANDS_MS) -> Promise | None:
    """Return what the account promised, as long as that lasts."""
    if not 0 <= now_ms - unix_ms(media_id) < lasts_ms:
        return None
    try:
        with objects.open(_key(owner_id, media_id)) as file:
            return _decode(file.read())
    except ObjectMissingError:
        return None


def forget(objects: ObjectStore, owner_id: int, media_id: int) -> None:
    """Delete a promise, and what was sent."""
    objects.delete(sent_key(media_id))
    objects.delete(_key(owner_id, media_id))


def forget_all(objects: ObjectStore, owner_id: int) -> None:
    """Delete all promises of an account, and what was sent."""
    for it in list(objects.list(f"{PROMISED}{to_uuid(owner_id)}/")):
        forget(objects, owner_id, from_uuid(it.key.rpartition("/")[2]) or 0)


def arrived(objects: ObjectStore, media_id: int, size: int) -> Arrived | None:
    """Copy what was sent to where uploads stand, durably; None: it is not there as it was promised.

    Raises the problems of a file that is not accepted.
    """
    told = objects.stat(sent_key(media_id))
    if told is None or told.bytes != size:
        return None
    try:
        with objects.open(sent_key(media_id)) as file:
            head = file.read(HEAD_BYTES)
            content_type, source = accepted(head, size), _Digested(head, file)
            objects.put(upload_key(media_id), cast("BinaryIO", source), size, content_type)
    except ObjectMissingError:
        return None
    return Arrived(content_type, source.digest.hexdigest())


class _Digested:
    """A file whose beginning was read already; it makes the digest of all that is read."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest
        self.digest = hashlib.sha256()

    def read(self, amount: int = -1) -> bytes:
        if self._head:
            amount = len(self._head) if amount < 0 else amount
            chunk, self._head = self._head[:amount], self._head[amount:]
        else:
            chunk = self._rest.read(amount)
        self.digest.update(chunk)
        return chunk


def _key(owner_id: int, media_id: int) -> str:
    return f"{PROMISED}{to_uuid(owner_id)}/{to_uuid(media_id)}"
