"""The Ed25519 keys that sign access tokens: files in one folder, the newest signs, all of them verify.

Rotation: put a new key beside the old ones (`murmur keys rotate`), and remove an old one's file once the tokens that it
signed have expired (`access_token_minutes`). Running processes notice both by themselves.
"""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX = ".ed25519.pem"
SECRET_BYTES = 32


class SigningKey(NamedTuple):
    """A private key and the id (`kid`) by which tokens name it; ids sort by age."""

    kid: str
    private: Ed25519PrivateKey


class KeyRing:
    """The keys of one folder, by id; read again where a token names one that is not known yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, SigningKey] = {}
        self._read_at_ns = -1
        self._refresh()

    def signing(self) -> SigningKey:
        """Return the newest key, making the first one where there is none."""
        self._refresh()
        if not self._keys:
            self.rotate()
        return self._keys[max(self._keys)]

    def public(self, kid: str) -> Ed25519PublicKey | None:
        """Return the key that verifies what `kid` signed, or None."""
        if kid not in self._keys:
            self._refresh()
        key = self._keys.get(kid)
        return None if key is None else key.private.public_key()

    def rotate(self) -> str:
        """Add a new key, which signs from now on; return its id."""
        self._refresh()
        number = 1 + max((int(kid.partition("-")[0]) for kid in self._keys), default=0)
        kid = f"{number:06d}-{secrets.token_hex(4)}"
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(self._folder / f"{kid}{_SUFFIX}", pem)
        self._read_at_ns = -1
        self._refresh()
        return kid

    def ids(self) -> list[str]:
        """Return the ids of the keys, oldest first: the last one signs."""
        self._refresh()
        return sorted(self._keys)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set (RFC 8037)."""
        self._refresh()
        return {"keys": [_jwk(key) for _, key in sorted(self._keys.items())]}

    def _refresh(self) -> None:
        changed_at_ns = self._folder.stat().st_mtime_ns if self._folder.exists() else 0
        if changed_at_ns == self._read_at_ns:
            return
        self._read_at_ns = changed_at_ns
        found = {path.name.removesuffix(_SUFFIX): path for path in self._folder.glob(f"*{_SUFFIX}")}
        self._keys = {kid: self._keys.get(kid) or _load(kid, path) for kid, path in found.items()}


def secret(folder: Path, name: str) -> bytes:
    """Return a random secret that every process of the installation shares, making it where it is missing."""
    path = folder / f"{name}.secret"
    if not path.exists():
        write_secret(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; the first of two writers wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its secret is the one
    finally:
        draft.unlink()


def _load(kid: str, path: Path) -> SigningKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} holds no Ed25519 key")
    return SigningKey(kid, key)


def _jwk(key: SigningKey) -> dict[str, str]:
    raw = key.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": x}
