"""Encrypts personal data in events under a key of the account's own: without the key, no replay brings it back.

Keys are 256 random bits, AES-GCM, with a random nonce each time; they are kept wrapped (RFC 3394) under a secret of the
installation, which lies with its other secrets and not with them.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import keywrap

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPING_SECRET = "personal-data"  # noqa: S105 - the name of the file in keys_dir


def new_key() -> bytes:
    """Return a key for one account."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(key: bytes, wrapping_key: bytes) -> bytes:
    """Return the key as it is kept."""
    return keywrap.aes_key_wrap(wrapping_key, key)


def unwrap(wrapped: bytes, wrapping_key: bytes) -> bytes:
    """Return a kept key; one from before keys were wrapped is as it is. Raises ValueError under another secret."""
    if len(wrapped) == KEY_BYTES:
        return wrapped
    try:
        return keywrap.aes_key_unwrap(wrapping_key, wrapped)
    except keywrap.InvalidUnwrap as error:
        raise ValueError("the secret under which keys of personal data are wrapped is another one") from error


def encrypt(key: AESGCM, text: str, user_id: int) -> bytes:
    """Return nonce and AES-256-GCM ciphertext, bound to the account."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + key.encrypt(nonce, text.encode(), _bound_to(user_id))


def decrypt(key: AESGCM, sealed: bytes, user_id: int) -> str | None:
    """Return the text, or None where the key or the account is another."""
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(user_id)).decode()
    except (InvalidTag, ValueError):
        return None


def _bound_to(user_id: int) -> bytes:
    return user_id.to_bytes(8)
