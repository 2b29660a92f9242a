"""An upload in three steps through real processes: nobody holds it, and kills between the steps lose nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.e2e.test_media import MOST_HELD_BYTES, SETTLED_SECONDS, VIDEO_BYTES, memory_of, registered, status_of
from tests.pictures import large_video
from tests.waiting import until

if TYPE_CHECKING:
    from tests.e2e.conftest import Starting
    from tests.e2e.system import System


def completed(system: System, who: dict[str, str], media_id: str) -> dict[str, Any]:
    """Ask until the command process, which was killed, is there again."""
    told: list[httpx.Response] = []

    def answers() -> bool:
        try:
            path = f"{system.commands}/api/v1/media/uploads/{media_id}/complete"
            told.append(httpx.post(path, headers=who, timeout=120))
        except httpx.TransportError:
            return False
        return told[-1].status_code == httpx.codes.CREATED

    until(answers, SETTLED_SECONDS)
    answer: dict[str, Any] = told[-1].json()
    return answer


def test_an_upload_in_three_steps_is_held_by_nobody_and_outlives_kills(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data", media_wait_ms="0") as system:
        who, film = registered(system, "ada"), large_video(VIDEO_BYTES)
        body = {"type": "video/mp4", "bytes": len(film)}
        asked = httpx.post(f"{system.commands}/api/v1/media/uploads", json=body, headers=who, timeout=60)
        assert asked.status_code == httpx.codes.CREATED, asked.text
        told = asked.json()
        pid = system.children()["commands"]
        before = memory_of(pid, "VmRSS")
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        past_us = told["url"].startswith("http")  # a store of its own: the address says who may
        to = told["url"] if past_us else f"{system.commands}{told['url']}"
        headers = told["headers"] if past_us else {**told["headers"], **who}
        sent = httpx.put(to, content=film, headers=headers, timeout=120)
        assert sent.status_code == httpx.codes.OK, sent.text
        assert memory_of(pid, "VmHWM") - before < MOST_HELD_BYTES
        for _ in range(2):
            os.kill(system.children()["commands"], signal.SIGKILL)
            assert completed(system, who, told["media_id"])["media_id"] == told["media_id"]
        until(lambda: status_of(system, who, told["media_id"]) == "ready", SETTLED_SECONDS)
