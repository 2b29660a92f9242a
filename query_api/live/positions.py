"""The ids of messages: how far the log was read when a message was made, in every partition that streams tell of.

Whoever comes back with the id of the last message that it has heard is told what comes after it, at whichever process.
Text: base64url of a version, the offsets (LEB128, in the order of topics and partitions), and a keyed BLAKE2b over them
and the log's own id: an id that was made up, cut, or belongs to another log is no id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from infra.log.port import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VERSION = 1
_MAC_BYTES = 8
MAX_CHARS = 8_192
_SEVEN_BITS = 0x7F

Vector = dict[TopicPartition, int]


class InvalidEventIdError(Exception):
    """The text is no id of a message of this log."""


class Positions:
    """How far the log was read, and its text at each step: only the partition that moved is written anew."""

    def __init__(self, secret: bytes, log_id: str, starts: Mapping[TopicPartition, int]) -> None:
        self._key = hashlib.blake2b(log_id.encode(), digest_size=32, key=secret).digest()
        self.places: Sequence[TopicPartition] = sorted(starts)
        self.at: Vector = dict(starts)
        self._index = {place: number for number, place in enumerate(self.places, 1)}
        self._parts = [bytes((_VERSION,)), *(_written(starts[place]) for place in self.places)]

    def advance(self, place: TopicPartition, offset: int) -> None:
        """Have read a partition up to, not including, an offset."""
        self.at[place] = offset
        self._parts[self._index[place]] = _written(offset)

    def text(self) -> str:
        """Return the id of a message made now."""
        return self._signed(b"".join(self._parts))

    def text_of(self, vector: Mapping[TopicPartition, int]) -> str:
        """Return the id that a message had when the log was read so far."""
        return self._signed(b"".join([self._parts[0], *(_written(vector[place]) for place in self.places)]))

    def read(self, text: str) -> Vector | None:
        """Return how far the log was read; None where it had another number of partitions.

        Raises InvalidEventIdError.
        """
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidEventIdError("the id is no base64url") from error
        packed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(text) > MAX_CHARS or packed[:1] != self._parts[0] or not hmac.compare_digest(mac, self._mac(packed)):
            raise InvalidEventIdError("the id was not given by this installation")
        offsets = _taken(packed[1:])
        return dict(zip(self.places, offsets, strict=True)) if len(offsets) == len(self.places) else None

    def _signed(self, packed: bytes) -> str:
        return base64.urlsafe_b64encode(packed + self._mac(packed)).rstrip(b"=").decode()

    def _mac(self, packed: bytes) -> bytes:
        return hashlib.blake2b(packed, digest_size=_MAC_BYTES, key=self._key).digest()


def _written(number: int) -> bytes:
    written = bytearray()
    while number > _SEVEN_BITS:
        written.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _taken(packed: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & _SEVEN_BITS) << shift
        shift += 7
        if byte <= _SEVEN_BITS:
            numbers.append(number)
            number, shift = 0, 0
    return numbers
