"""Uploads through real processes: what they may hold in memory, and what is left when they are killed."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.pictures import image_file, large_video
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

VIDEO_BYTES = 60_000_000
MOST_HELD_BYTES = 50 << 20
BOUNDARY = "a-boundary"
SETTLED_SECONDS = 120.0


def memory_of(pid: int, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def decoders(system: System) -> list[int]:
    """The pids of the decoding processes; any may end while it is looked at."""
    found: list[int] = []
    streams = system.children().get("streams", 0)
    with suppress(OSError):
        below = Path(f"/proc/{streams}/task/{streams}/children").read_text().split()
        found.extend(int(pid) for pid in below if b"infra.media.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return found


def registered(system: System, name: str) -> dict[str, str]:
    body = {"username": name, "password": "correct horse"}
    answer = httpx.post(f"{system.commands}/api/v1/auth/register", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def uploaded(system: System, who: dict[str, str], content: bytes) -> dict[str, Any]:
    answer = httpx.post(f"{system.commands}/api/v1/media", files={"file": content}, headers=who, timeout=120)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def status_of(system: System, who: dict[str, str], media_id: str) -> str:
    try:
        answer = httpx.get(f"{system.query}/api/v1/media/{media_id}", headers=who, timeout=10)
    except httpx.TransportError:
        return "away"
    return str(answer.json().get("status")) if answer.status_code == httpx.codes.OK else answer.text


def test_60_mb_of_video_are_held_by_no_process(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data", media_wait_ms="0") as system:
        who = registered(system, "ada")
        first = uploaded(system, who, image_file())  # starts the decoding processes
        until(lambda: status_of(system, who, first["media_id"]) == "ready", SETTLED_SECONDS)
        watched = {**system.children(), **{f"decoder {pid}": pid for pid in decoders(system)}}
        before = {name: memory_of(pid, "VmRSS") for name, pid in watched.items()}
        for pid in watched.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the most that it ever had
        told = uploaded(system, who, large_video(VIDEO_BYTES))
        until(lambda: status_of(system, who, told["media_id"]) == "ready", SETTLED_SECONDS)
        held = {name: memory_of(pid, "VmHWM") - before[name] for name, pid in watched.items()}
        assert max(held.values()) < MOST_HELD_BYTES, held
        metrics = httpx.get(f"{system.query}/api/v1/media/{told['media_id']}", headers=who, timeout=60).json()
        read = httpx.get(f"{system.query}{metrics['url']}", headers={"Range": "bytes=1000000-1000999"}, timeout=60)
        assert (read.status_code, len(read.content)) == (206, 1000)


async def slow_form(content: bytes, pause_s: float) -> AsyncIterator[bytes]:
    yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]
        await asyncio.sleep(pause_s)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


async def send(system: System, who: dict[str, str], content: bytes, pause_s: float = 0.0) -> str | None:
    """Upload; return the id, or None where nobody acknowledged it."""
    headers = {**who, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"{system.commands}/api/v1/media"
            answer = await client.post(url, content=slow_form(content, pause_s), headers=headers)
    except httpx.HTTPError:
        return None
    return str(answer.json()["media_id"]) if answer.status_code == httpx.codes.CREATED else None


async def sent_while_killing(system: System, who: dict[str, str]) -> list[str]:
    """Upload, some of it slowly, while the processes are killed; return what was acknowledged."""
    dice = random.Random(11)
    video = large_video(2_000_000)
    acknowledged: list[str] = []

    async def uploading(content: bytes, pause_s: float) -> None:
        for _ in range(6):
            if (media_id := await send(system, who, content, pause_s)) is not None:
                acknowledged.append(media_id)
            await asyncio.sleep(0.1)

    async def killing() -> None:
        for victim in ("commands", "streams", "decoder", "commands", "streams"):
            await asyncio.sleep(dice.uniform(0.5, 1.5))
            if victim != "decoder":
                await asyncio.to_thread(system.kill, victim)
            elif pids := decoders(system):
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(pids), signal.SIGKILL)

    await asyncio.gather(uploading(image_file(), 0.0), uploading(video, 0.02), uploading(video, 0.0), killing())
    return acknowledged


def check_orphans(system: System) -> None:
    """What was sent and never acknowledged is collected once it is old."""
    uploads = system.data / "objects" / "bytes" / "uploads"
    for left in uploads.glob("*"):  # of files; what a server keeps cannot be made older
        with suppress(FileNotFoundError):  # it is deleted just after its medium is said to be ready
            os.utime(left, (0, 0))
    collected = system.murmur("media", "gc")
    assert collected.returncode == 0, collected.stderr
    until(lambda: not list(uploads.glob("*")))


def test_no_acknowledged_upload_is_lost_and_no_orphan_is_left_when_processes_are_killed(
    starting: Starting, tmp_path: Path
) -> None:
    with starting(tmp_path / "data", media_wait_ms="0", media_decoders="1") as system:
        who = registered(system, "ada")
        acknowledged = asyncio.run(sent_while_killing(system, who))
        assert acknowledged
        system.wait_until_ready()
        last = asyncio.run(send(system, who, image_file()))
        assert last is not None
        for media_id in (*acknowledged, last):
            until(lambda it=media_id: status_of(system, who, it) == "ready", SETTLED_SECONDS)  # type: ignore[misc]
        assert not list((system.data / "tmp").iterdir()), "what streams in has no name"
        check_orphans(system)
