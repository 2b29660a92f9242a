"""What a key was answered, under the seal of whose answer it is: read until the key of that account is destroyed.

Before its content stands an empty byte, which begins no answer, and whose it is. What an older version kept, and what
is nobody's, stands as it is.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from infra.projections import StoreUnavailableError
from schemas.sealing import SealsAwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.sealing import Seals

_HEAD = struct.Struct(">BQ")
_SEALED = 0


class Told(NamedTuple):
    """An answer, and whose it is (0: nobody's)."""

    body: bytes
    account: int


def kept(told: Told, intent_id: bytes, seals: Seals | None) -> bytes:
    """Return what is written down; raises StoreUnavailableError where the keys cannot be asked."""
    if seals is None or not told.account:
        return told.body
    with _keys_asked():
        sealed = seals.seal(told.account, _number(intent_id), told.body)
    return _HEAD.pack(_SEALED, told.account) + sealed


def found(content: bytes, intent_id: bytes, seals: Seals | None) -> Told:
    """Return what was told: nothing, where its account was erased; raises StoreUnavailableError."""
    if seals is None or content[:1] != bytes((_SEALED,)):
        return Told(content, 0)
    _, account = _HEAD.unpack_from(content)
    with _keys_asked():
        plain = seals.open(account, _number(intent_id), content[_HEAD.size :])
    return Told(plain or b"", account)


@contextmanager
def _keys_asked() -> Iterator[None]:
    """Raise what the journal raises where a store is away: the keys' is one."""
    try:
        yield
    except SealsAwayError as error:
        raise StoreUnavailableError(str(error)) from error


def _number(intent_id: bytes) -> int:
    """Return what the seal is bound to beside the account: the last bytes of the intent's id are random, or a hash."""
    return int.from_bytes(intent_id[-8:])
