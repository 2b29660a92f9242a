"""Web Push messages: encrypted for one subscription (RFC 8291, RFC 8188), signed by this installation (RFC 8292).

Written out because it is forty lines over `cryptography`, which is there anyway; tests hold it to the vector of RFC
8291, appendix A. The key of the signature is a file of the keys' folder, made by whoever comes first; who subscribes
must name its public half, so subscriptions end with it.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.auth.keys import write_secret

if TYPE_CHECKING:
    from pathlib import Path

MAX_PLAINTEXT_BYTES = 3_000  # push services take 4,096 bytes, of which 103 are the frame
VAPID_SECONDS = 12 * 3600  # RFC 8292: at most 24 hours
POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
_RECORD_BYTES = 4_096
_CURVE = ec.SECP256R1()
_LAST_RECORD = b"\x02"


class Keys(NamedTuple):
    """A subscription's: the device's public point, uncompressed, and its secret."""

    p256dh: bytes
    auth: bytes


def keys_of(p256dh: str, auth: str) -> Keys:
    """Return the keys that a browser gives in base64url; raises ValueError where they are none."""
    keys = Keys(_decoded(p256dh), _decoded(auth))
    if len(keys.p256dh) != POINT_BYTES or len(keys.auth) != AUTH_BYTES:
        raise ValueError("p256dh has 65 bytes, auth has 16")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, keys.p256dh)  # raises where it is not on the curve
    return keys


def encrypt(
    plaintext: bytes, keys: Keys, *, own: ec.EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """Return the body of a message, for Content-Encoding aes128gcm; `own` and `salt` are random but in tests."""
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise ValueError(f"a message has at most {MAX_PLAINTEXT_BYTES} bytes")
    own, salt = own or ec.generate_private_key(_CURVE), salt or secrets.token_bytes(SALT_BYTES)
    public = _point(own.public_key())
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, keys.p256dh))
    secret = _derived(shared, keys.auth, b"WebPush: info\0" + keys.p256dh + public, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + _RECORD_BYTES.to_bytes(4) + bytes([len(public)]) + public
    return header + AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)


class Vapid:
    """Signs for this installation."""

    def __init__(self, folder: Path, contact: str) -> None:
        self._key = _load(folder / "vapid.p256.pem")
        self._contact = contact
        self.public_key = _encoded(_point(self._key.public_key()))
        """In base64url: the browser's `applicationServerKey`."""

    def authorization(self, endpoint: str, now_s: int) -> str:
        """Return the header for a message to an endpoint."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_s + VAPID_SECONDS, "sub": self._contact}
        return f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self.public_key}"


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(_CURVE)
        kept = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_secret(path, made.private_bytes(*kept))
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no P-256 key")
    return key


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("no base64url") from error
