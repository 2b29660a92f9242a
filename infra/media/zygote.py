"""The decoding process: it loads the libraries once, and forks a confined child for every file.

It never looks into a file itself. What it is given, over the socket that is its standard input: a line (media type, CPU
seconds, wall-clock seconds, bytes of a file) with the descriptors of the file, of what the child may write (one of each
slot), and of the child's report. It answers how the child ended, and what it took.

Usage: python -m infra.media.zygote, with a socket as standard input; ends with it.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from infra.media import confine, report
from infra.media.kinds import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LINE_BYTES = 4_096
DESCRIPTORS = len(report.SLOTS) + 2
NICE = 10


class Job(msgspec.Struct):
    """What is asked; the descriptors come beside it."""

    content_type: str
    cpu_seconds: int
    wall_seconds: float
    file_bytes: int


class Ended(msgspec.Struct):
    """How a child ended: its status as of os.waitpid, whether it was stopped for its time, and what it took."""

    status: int
    stopped: bool
    memory_bytes: int
    cpu_seconds: float


class Ready(msgspec.Struct):
    """What can be decoded here."""

    images: bool
    videos: bool


def main() -> None:
    """Serve jobs until the socket is closed."""
    confine.die_with_parent()
    os.nice(NICE)
    asked = socket.socket(fileno=0)
    decoders = _decoders()
    asked.sendall(msgspec.json.encode(Ready(images="image" in decoders, videos="video" in decoders)))
    while True:
        line, descriptors, _, _ = socket.recv_fds(asked, MAX_LINE_BYTES, DESCRIPTORS)
        if not line:
            return
        try:
            ended = _run(msgspec.json.decode(line, type=Job), descriptors, decoders)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        asked.sendall(msgspec.json.encode(ended))


def _decoders() -> dict[str, Any]:
    """Load what is installed: the extra `media` brings both."""
    found: dict[str, Any] = {}
    try:
        from infra.media import images  # noqa: PLC0415 - may be missing

        images.prepare()
        found["image"] = images.decode
        from infra.media import videos  # noqa: PLC0415 - may be missing

        videos.prepare()
        found["video"] = videos.decode
    except ImportError:
        pass
    return found


def _run(job: Job, descriptors: Sequence[int], decoders: dict[str, Any]) -> Ended:
    child = os.fork()
    if not child:
        _decode(job, descriptors, decoders)
    stopped = not _ends_within(child, job.wall_seconds)
    if stopped:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    return Ended(status, stopped, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime)


def _ends_within(child: int, seconds: float) -> bool:
    watched = os.pidfd_open(child)
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def _decode(job: Job, descriptors: Sequence[int], decoders: dict[str, Any]) -> None:
    """In the child: confine it, decode, report, end."""
    code = 1
    try:
        confine.die_with_parent()
        os.close(0)
        source: BinaryIO = os.fdopen(descriptors[0], "rb", closefd=False)
        written = descriptors[2:]
        outputs: dict[str, BinaryIO] = {
            slot: os.fdopen(fd, "r+b", closefd=False) for slot, fd in zip(report.SLOTS, written, strict=True)
        }
        confine.confine(job.cpu_seconds, job.file_bytes)
        said = _said(job, source, outputs, decoders)
        os.write(descriptors[1], msgspec.json.encode(said))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run on in the child
        code = 1
    finally:
        os._exit(code)


def _said(job: Job, source: BinaryIO, outputs: dict[str, BinaryIO], decoders: dict[str, Any]) -> report.Report:
    kind = "video" if ACCEPTED[job.content_type].video else "image"
    try:
        said: report.Report = decoders[kind](source, job.content_type, outputs)
        for output in outputs.values():
            output.flush()
    except report.RefusedError as refused:
        return report.Report(failed=str(refused))
    except MemoryError:
        return report.Report(failed=report.TOO_EXPENSIVE)
    return said


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - libraries print what they think of bad bytes
    main()
