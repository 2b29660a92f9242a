"""The stream process pushes: from when it was first started, once for what happened, also after it was killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

from infra.log import embedded
from infra.log.doorbell import Doorbell
from infra.log.port import Record
from infra.push.files import SqliteSubscriptions
from infra.push.subscriptions import Subscription
from infra.push.webpush import Keys
from infra.settings import PREFIX
from infra.sqlite.projection_store import generation_path
from schemas.codec import encode, topic_and_key
from streams.push.agent import NAME, TOPICS
from tests.builders import followed, registered
from tests.integration.streams.test_bootstrap import PARTITIONS, PATIENCE_SECONDS, caught_up
from tests.push_receiver import Device, PushService, message

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from schemas.envelope import Event

ME = 1


@asynccontextmanager
async def streams(data_dir: Path) -> AsyncIterator[Process]:
    settings = {
        "DATA_DIR": str(data_dir),
        "PARTITIONS": "4",
        "PUSH_CONTACT": "mailto:ops@example.org",
        "PUSH_ALLOW_LOOPBACK": "1",
    }
    environment = {f"{PREFIX}{name}": value for name, value in settings.items()}
    names = ("accounts", "tweets", "graph", "notifications")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "streams", *names, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def append(data_dir: Path, *events: Event) -> None:
    with closing(embedded.open_appender(data_dir / "log", "facts", PARTITIONS)) as log:
        await log.append([Record(*topic_and_key(event), encode(event)) for event in events])


async def pushed(data_dir: Path) -> None:
    """Return when the push agent is where the log ends."""
    path = generation_path(data_dir / "projections", NAME)
    async with asyncio.timeout(PATIENCE_SECONDS), Doorbell(path) as bell:
        while not caught_up(data_dir, TOPICS, path):
            await bell.wait(0.2)


def now_ms() -> int:
    return int(time.time() * 1000)


async def test_what_happens_from_then_on_is_told_once(tmp_path: Path) -> None:
    embedded.ensure(tmp_path / "log", PARTITIONS)
    device = Device()
    async with PushService() as service:
        with closing(SqliteSubscriptions(tmp_path / "push.db")) as devices:
            devices.add(Subscription(ME, service.endpoint("/me"), Keys(device.p256dh, device.auth), 0))
        people = [registered(user) for user in range(ME, 6)]
        await append(tmp_path, *people, followed(2, ME, now_ms()))  # before it was ever started
        async with streams(tmp_path) as process:
            await pushed(tmp_path)
            yesterday = now_ms() - 86_400_000
            await append(tmp_path, followed(3, ME, yesterday), followed(4, ME, now_ms()))
            await service.until(lambda received: len(received) == 1)
            await pushed(tmp_path)
            process.kill()
            await process.wait()
        await append(tmp_path, followed(5, ME, now_ms()))
        async with streams(tmp_path):
            await service.until(lambda received: len(received) == 2)
            await pushed(tmp_path)
        told = [message(device, received)["actor"]["username"] for received in service.received]
    assert told == ["user_4", "user_5"]
