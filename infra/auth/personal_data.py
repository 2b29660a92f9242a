"""Encrypts personal data in events under a key of the account's own: without the key, no replay brings it back."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


def new_key() -> bytes:
    """Return a key for one account."""
    return secrets.token_bytes(KEY_BYTES)


def encrypt(key: bytes, text: str, user_id: int) -> bytes:
    """Return nonce and AES-256-GCM ciphertext, bound to the account."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound_to(user_id))


def decrypt(key: bytes, sealed: bytes, user_id: int) -> str | None:
    """Return the text, or None where the key or the account is another."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(user_id)).decode()
    except (InvalidTag, ValueError):
        return None


def _bound_to(user_id: int) -> bytes:
    return user_id.to_bytes(8)
