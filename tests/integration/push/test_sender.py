"""Sending over real connections: what arrives, what is tried again, what is given up."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.push.sender import Outcome, Sender
from infra.push.subscriptions import Subscription
from infra.push.webpush import Keys, Vapid
from tests.push_receiver import Device, PushService, vapid_claims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOPIC = "a" * 32


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as it:
        yield it


class World:
    def __init__(self, folder: Path, service: PushService, *, allow_loopback: bool = True) -> None:
        self.device, self.slept = Device(), list[float]()
        self.service = service
        vapid = Vapid(folder, "mailto:ops@example.org")
        self.sender = Sender(vapid, 60, allow_loopback=allow_loopback, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def send(self, path: str = "/a") -> Outcome:
        keys = Keys(self.device.p256dh, self.device.auth)
        return await self.sender.send(Subscription(1, self.service.endpoint(path), keys, 0), b"hello", TOPIC)


@pytest.fixture
async def world(tmp_path: Path, service: PushService) -> AsyncIterator[World]:
    it = World(tmp_path, service)
    yield it
    await it.sender.close()


async def test_a_message_arrives_and_only_its_device_can_read_it(world: World, service: PushService) -> None:
    assert await world.send() is Outcome.SENT
    (received,) = service.received
    assert world.device.decrypt(received.body) == b"hello"
    assert b"hello" not in received.body
    named = {name: received.headers[name] for name in ("ttl", "topic", "content-encoding", "host")}
    assert named == {
        "ttl": "60",
        "topic": TOPIC,
        "content-encoding": "aes128gcm",
        "host": f"127.0.0.1:{service.port}",
    }
    claims = vapid_claims(received)
    assert (claims["aud"], claims["sub"]) == (service.endpoint(""), "mailto:ops@example.org")
    assert 0 < claims["exp"] - time.time() <= 24 * 3600


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_a_subscription_that_has_ended_is_told(world: World, service: PushService, status: str) -> None:
    service.answers["/a"] = [status]
    assert await world.send() is Outcome.GONE
    assert len(service.received) == 1


async def test_what_passes_is_tried_again_after_a_bounded_wait(world: World, service: PushService) -> None:
    service.answers["/a"] = ["429 Slow|Retry-After: 3\r\n", "503 Away|Retry-After: 86400\r\n"]
    assert await world.send() is Outcome.SENT
    assert world.slept == [3.0, 10.0]
    assert len({received.body for received in service.received}) == 3


async def test_a_service_that_keeps_failing_is_left_alone(world: World, service: PushService) -> None:
    service.answers["/a"] = ["500 Oh"] * 3
    assert await world.send() is Outcome.FAILED
    assert await world.send() is Outcome.HELD
    assert await world.send("/b") is Outcome.HELD
    assert len(service.received) == 3


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "413 Large", "301 Moved|Location: http://127.0.0.1:1/\r\n"])
async def test_what_is_refused_is_given_up_and_redirects_are_not_followed(
    world: World, service: PushService, status: str
) -> None:
    service.answers["/a"] = [status]
    assert await world.send() is Outcome.REFUSED
    assert len(service.received) == 1


async def test_no_connection_is_used_again(world: World, service: PushService) -> None:
    for _ in range(3):
        assert await world.send() is Outcome.SENT
    assert service.connections == 3


async def test_nobody_there_is_a_failure(world: World) -> None:
    async with PushService() as gone:
        pass
    world.service = gone
    assert await world.send() is Outcome.FAILED


async def test_this_machine_is_not_sent_to(tmp_path: Path, service: PushService) -> None:
    world = World(tmp_path, service, allow_loopback=False)
    assert await world.send() is Outcome.REFUSED
    assert service.received == []
    await world.sender.close()


def certificate_of(name: str, folder: Path) -> Path:
    """A certificate of a host, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    path = folder / "host.pem"
    path.write_bytes(pem)
    return path


@pytest.mark.parametrize(
    ("certified", "outcome"), [("push.example.org", Outcome.SENT), ("other.example.org", Outcome.FAILED)]
)
async def test_the_certificate_must_be_of_the_name_that_the_address_was_found_for(
    tmp_path: Path, certified: str, outcome: Outcome
) -> None:
    path = certificate_of(certified, tmp_path)
    presented = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    presented.load_cert_chain(path)

    async def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    async def at_once(_: float) -> None:
        return

    async with PushService(presented) as service:
        vapid, device = Vapid(tmp_path, "mailto:ops@example.org"), Device()
        trusted = ssl.create_default_context(cafile=str(path))
        sender = Sender(vapid, 60, allow_loopback=True, trusted=trusted, sleep=at_once, resolve=resolve)
        endpoint = f"https://push.example.org:{service.port}/a"
        assert (
            await sender.send(Subscription(1, endpoint, Keys(device.p256dh, device.auth), 0), b"hi", TOPIC) is outcome
        )
        await sender.close()
    named = [received.headers["host"] for received in service.received]
    assert named == ([f"push.example.org:{service.port}"] if outcome is Outcome.SENT else [])
