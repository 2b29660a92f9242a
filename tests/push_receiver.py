"""A push service on this machine, and the device behind it, which decrypts by RFC 8291 on its own."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def text(raw: bytes) -> str:
    """Bytes in base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(encoded: str) -> bytes:
    """Bytes out of base64url."""
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


class Device:
    """A browser's keys."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None, auth: bytes = b"sixteen bytes!!!") -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        self.auth = auth
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        self.p256dh = self._private.public_key().public_bytes(*form)

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        keys = {"p256dh": text(self.p256dh), "auth": text(self.auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def decrypt(self, body: bytes) -> bytes:
        """Read a message as the device does."""
        salt, length = body[:16], body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self._private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        secret = _expand(_extract(self.auth, shared), b"WebPush: info\0" + self.p256dh + sender, 32)
        pseudo_random = _extract(salt, secret)
        key = _expand(pseudo_random, b"Content-Encoding: aes128gcm\0", 16)
        plain = AESGCM(key).decrypt(_expand(pseudo_random, b"Content-Encoding: nonce\0", 12), sealed, None)
        content, _, padding = plain.rpartition(b"\x02")
        assert not padding.strip(b"\0")
        return content


def _extract(salt: bytes, secret: bytes) -> bytes:
    mac = HMAC(salt, hashes.SHA256())
    mac.update(secret)
    return mac.finalize()


def _expand(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(hashes.SHA256(), length, info).derive(secret)


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class PushService:
    """Listens; answers each path with the statuses that it is given, then with 201."""

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        self._certificate = certificate
        self.received: list[Received] = []
        self.answers: dict[str, list[str]] = {}
        self.connections = 0
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._certificate)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def endpoint(self, path: str) -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, holds: Callable[[list[Received]], bool]) -> list[Received]:
        """Wait until that holds of what was received."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: holds(self.received))
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n"):
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                path = head[0].split()[1]
                answer = next(iter(self.answers.get(path, [])), "201 Created")
                self.answers[path] = self.answers.get(path, [])[1:]
                status, _, more = answer.partition("|")
                writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
                async with self._news:
                    self.received.append(Received(path, headers, body))
                    self._news.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def message(device: Device, received: Received) -> dict[str, Any]:
    """What a message says."""
    said: dict[str, Any] = json.loads(device.decrypt(received.body))
    return said


def vapid_claims(received: Received) -> dict[str, Any]:
    """Who signed a message, checked by the key that it names."""
    scheme, _, parameters = received.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    named = dict(part.strip().split("=", 1) for part in parameters.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(named["k"]))
    claims: dict[str, Any] = jwt.decode(named["t"], key, algorithms=["ES256"], options={"verify_aud": False})
    return claims
