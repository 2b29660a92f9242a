"""Seals and opens what is personal in events, with keys that are kept at hand for a while.

Guarantee:  an event is sealed only under a key that is durable; a blob opens only in its own event of its own account;
            a destroyed key is forgotten here KEPT_SECONDS later at most, at once where `forget` is told
Memory:     KEPT_KEYS keys, some 400 bytes each
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.auth.data_keys import DataKey, SqliteDataKeys
from infra.auth.keys import secret
from infra.auth.personal_data import NONCE_BYTES, WRAPPING_SECRET, decrypt, encrypt, new_key, unwrap, wrap
from infra.projections import StoreError
from schemas.sealing import SealsAwayError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from infra.auth.data_keys import DataKeys
    from infra.settings import Settings

KEPT_KEYS = 50_000
KEPT_SECONDS = 60.0

_BOUND_TO = struct.Struct(">QQ").pack


class ErasedAccountError(SealsAwayError):
    """The account's key was destroyed: nothing more is sealed for it."""


class KeptSeals:
    """Seals (schemas.sealing) over a store of keys; one a process.

    Keys are in two halves, of which the older is dropped when the younger is full: what is used stays, for its time.
    """

    def __init__(self, keys: DataKeys, wrapping_key: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._wrapping_key = wrapping_key
        self._clock = clock
        self._young: dict[int, AESGCM | None] = {}
        self._old: dict[int, AESGCM | None] = {}
        self._drop_at = clock() + KEPT_SECONDS

    def seal(self, user_id: int, event_id: int, plain: bytes) -> bytes:
        """Return the bytes under seal; the account's key is durable when this returns."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._for_writing(user_id).encrypt(nonce, plain, _BOUND_TO(user_id, event_id))

    def open(self, user_id: int, event_id: int, sealed: bytes) -> bytes | None:
        """Return what was sealed, or None where the account's key was destroyed; raises SealsAwayError."""
        self._turn()
        known = self._known((user_id,))
        if user_id not in known:
            raise SealsAwayError(f"account {user_id} has sealed, and its key is not here: is its store another one?")
        key = known[user_id]
        if key is None:
            return None
        try:
            return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _BOUND_TO(user_id, event_id))
        except InvalidTag as error:
            raise ValueError(f"a seal of account {user_id} is broken") from error

    def expect(self, user_ids: Collection[int]) -> None:
        """Have the keys of these accounts at hand, asked for together; that they cannot be matters to seals alone."""
        self._turn()
        with contextlib.suppress(SealsAwayError):
            self._known({*user_ids})

    def forget(self, user_id: int) -> None:
        """Ask again for a key before it is used."""
        self._young.pop(user_id, None)
        self._old.pop(user_id, None)

    def begin(self, user_id: int, email: str = "", email_claim: str = "") -> bytes:
        """Make the key of a new account; return its address, sealed by itself. Raises StoreUnavailableError."""
        key = new_key()
        sealed = encrypt(AESGCM(key), email, user_id) if email else b""
        self._keys.make(user_id, DataKey(wrap(key, self._wrapping_key), sealed or None, email_claim or None))
        return sealed

    def address(self, user_id: int, sealed: bytes) -> str | None:
        """Return the address that `begin` sealed, or None where the key was destroyed; raises SealsAwayError."""
        self._turn()
        key = self._known((user_id,)).get(user_id)
        return None if key is None else decrypt(key, sealed, user_id)

    def kept(self, user_id: int) -> DataKey:
        """Return what is kept of an account. Raises StoreUnavailableError."""
        return self._keys.find((user_id,)).get(user_id, DataKey(None))

    def destroy(self, user_id: int) -> None:
        """Destroy an account's key. Raises StoreUnavailableError."""
        self._keys.destroy(user_id)
        self.forget(user_id)

    def _for_writing(self, user_id: int) -> AESGCM:
        self._turn()
        known = self._known((user_id,))
        if user_id not in known:
            try:
                self.begin(user_id)
            except StoreError as error:
                raise SealsAwayError(str(error)) from error
            known = self._known((user_id,))
        if (key := known[user_id]) is None:
            raise ErasedAccountError(f"the key of account {user_id} was destroyed")
        return key

    def _known(self, user_ids: Collection[int]) -> dict[int, AESGCM | None]:
        """Return what is known of the accounts, having asked for what was not; absent: they have no key."""
        young, asked = self._young, [it for it in user_ids if it not in self._young]
        if asked:
            missing = []
            for user_id in asked:
                if user_id in self._old:
                    young[user_id] = self._old[user_id]
                else:
                    missing.append(user_id)
            if missing:
                young |= self._asked_for(missing)
        return young

    def _asked_for(self, user_ids: Collection[int]) -> dict[int, AESGCM | None]:
        try:
            found = self._keys.find(user_ids)
        except StoreError as error:
            raise SealsAwayError(str(error)) from error
        return {
            user_id: None if key.wrapped is None else AESGCM(unwrap(key.wrapped, self._wrapping_key))
            for user_id, key in found.items()
        }

    def _turn(self) -> None:
        if (now := self._clock()) >= self._drop_at:
            self._old, self._young = {}, {}
            self._drop_at = now + KEPT_SECONDS
        elif len(self._young) > KEPT_KEYS // 2:
            self._old, self._young = self._young, {}

    def close(self) -> None:
        """Let go of the store."""
        self._young, self._old = {}, {}
        self._keys.close()


def seals_on_files(settings: Settings, *, writes: bool = False) -> KeptSeals:
    """Return the seals of an installation on files; `writes`: the process makes keys."""
    keys = SqliteDataKeys(settings.credentials_path, writes=writes)
    return KeptSeals(keys, secret(settings.keys_dir, WRAPPING_SECRET))
