"""Consistency tokens: the log positions that a command wrote, signed and compact, and the wait for them.

Text: base64url of version, positions (topic's index in the catalogue, partition, offset, each as LEB128) and a
keyed BLAKE2b. A reader that has passed the positions shows what the command did.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from infra.log.doorbell import Doorbell
from infra.log.port import Position, TopicPartition
from schemas.catalogue import DERIVED_TOPICS, FACT_TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from infra.projections import ProjectionReader

HEADER = "X-Consistency-Token"
SECRET_NAME = "consistency"  # noqa: S105 - the name of the file in keys_dir, see infra.auth.keys.secret
MAX_POSITIONS = 32
MAX_CHARS = 512
_VERSION = 1
_MAC_BYTES = 10
_TOPICS = (*FACT_TOPICS, *DERIVED_TOPICS)  # a token need not outlive a release that adds topics
_INDEX = {topic: index for index, topic in enumerate(_TOPICS)}
_LOOK_AGAIN_S = 0.25  # a ring can be lost; a look at the checkpoints cannot


class InvalidConsistencyTokenError(Exception):
    """The text is no token of this installation."""


class ConsistencyTokens:
    """Writes and reads tokens; `secret` is shared by all processes of an installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, positions: Iterable[Position]) -> str:
        """Return a token for the positions: of several in one partition, the last counts."""
        ends: dict[TopicPartition, int] = {}
        for topic, partition, offset in positions:
            place = TopicPartition(topic, partition)
            ends[place] = max(offset, ends.get(place, 0))
        packed = bytearray((_VERSION,))
        for (topic, partition), offset in list(ends.items())[:MAX_POSITIONS]:
            for number in (_INDEX[topic], partition, offset):
                _put(packed, number)
        return base64.urlsafe_b64encode(bytes(packed) + self._mac(packed)).rstrip(b"=").decode()

    def read(self, text: str) -> list[Position]:
        """Return the positions; raises InvalidConsistencyTokenError."""
        if len(text) > MAX_CHARS:
            raise InvalidConsistencyTokenError(f"a token has at most {MAX_CHARS} characters")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidConsistencyTokenError("the token is no base64url") from error
        packed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not packed or packed[0] != _VERSION or not hmac.compare_digest(mac, self._mac(packed)):
            raise InvalidConsistencyTokenError("the token was not made by this installation")
        numbers = _take_all(packed[1:])
        return [Position(_TOPICS[numbers[at]], numbers[at + 1], numbers[at + 2]) for at in range(0, len(numbers), 3)]

    def _mac(self, packed: bytes | bytearray) -> bytes:
        return hashlib.blake2b(packed, digest_size=_MAC_BYTES, key=self._secret).digest()  # keeps the GIL: 1 µs


def has_passed(reader: ProjectionReader, positions: Sequence[Position]) -> bool:
    """Tell whether the projection has applied the records at these positions."""
    return have_passed(reader.checkpoints(), positions)


def have_passed(checkpoints: Mapping[TopicPartition, int], positions: Sequence[Position]) -> bool:
    """Tell whether the checkpoints are beyond these positions."""
    return all(checkpoints.get(TopicPartition(topic, part), 0) > offset for topic, part, offset in positions)


class CatchUp:
    """Waits for one projection; made inside a running event loop. `path` is the file that its store rings for."""

    def __init__(self, path: Path) -> None:
        self._doorbell = Doorbell(path)

    async def until_passed(self, reader: ProjectionReader, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether the projection passed the positions within `wait_s` seconds; wakes on its commits."""
        deadline = time.monotonic() + wait_s
        while True:
            ring = self._doorbell.expect()
            left = deadline - time.monotonic()
            if has_passed(reader, positions):
                ring.cancel()
                return True
            if left <= 0:
                ring.cancel()
                return False
            await self._doorbell.wait(min(left, _LOOK_AGAIN_S), ring)
            await asyncio.sleep(0)  # one ring wakes every waiter: let requests in between

    def close(self) -> None:
        """Stop listening."""
        self._doorbell.close()


def _put(packed: bytearray, number: int) -> None:
    while number > 0x7F:  # noqa: PLR2004 - LEB128: seven bits a byte
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _take_all(packed: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004
            numbers.append(number)
            number, shift = 0, 0
    return numbers
