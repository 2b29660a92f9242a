"""Has files decoded by a process that can do no harm, and distrusts what it says.

Guarantee: a file that crashes, hangs or swells its child is refused by code, and takes nothing else along; what is
returned was written by the child into files that have no name, and is of the type it should be by its first bytes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar, cast

import msgspec

from infra.media import kinds
from infra.media.report import (
    CODES,
    MAX_REPORT_BYTES,
    NOT_DECODABLE,
    SLOTS,
    TOO_EXPENSIVE,
    RefusedError,
    Report,
)
from infra.media.zygote import MAX_LINE_BYTES, Ended, Job, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 30.0  # on a machine with much else to do
GRACE_SECONDS = 10.0  # beyond a job's own limit, after which the process itself is taken for hung
IMAGE_LIMITS = (20, 40.0, 64 << 20)
"""Seconds of CPU, seconds by the clock, bytes of a file that is written: a PNG of 16 megapixels of noise has 48 MB."""
VIDEO_LIMITS = (60, 180.0, kinds.MAX_VIDEO_BYTES + (16 << 20))
_ROOT = Path(__file__).parents[2]

T = TypeVar("T")


class DecoderUnavailableError(Exception):
    """The decoding process cannot be started, or has died: worth another try."""


class File(NamedTuple):
    """What was made of a file: at its beginning, to be read before the next one is decoded."""

    slot: str
    content: BinaryIO
    size: int
    content_type: str
    width: int
    height: int


class Decoded(NamedTuple):
    """A file that is fit to be shown."""

    kind: str
    duration_ms: int
    blurhash: str
    files: tuple[File, ...]

    def file(self, slot: str) -> File | None:
        """Return the file of a slot."""
        return next((it for it in self.files if it.slot == slot), None)


class Decoder:
    """One decoding process, started at the first file; one file at a time, whoever asks."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds files without names while they are worked on; it is made when it is needed."""
        self._folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.ready = Ready(images=False, videos=False)
        self.most_memory_bytes = 0
        """Of any child so far."""
        self.cpu_seconds = 0.0
        """Of the last child."""

    @contextmanager
    def decode(self, source: BinaryIO, content_type: str) -> Iterator[Decoded]:
        """Yield what is to be served of a file, which has a descriptor; blocks. Raises RefusedError with a code.

        Raises DecoderUnavailableError where nothing can be said of the file.
        """
        with self._lock, ExitStack() as open_things:
            self._folder.mkdir(parents=True, exist_ok=True)
            made = [open_things.enter_context(tempfile.TemporaryFile(dir=self._folder)) for _ in (*SLOTS, "report")]
            outputs, said = made[:-1], made[-1]
            ended = self._ask(source, content_type, [source.fileno(), said.fileno(), *(it.fileno() for it in outputs)])
            self.cpu_seconds = ended.cpu_seconds
            self.most_memory_bytes = max(self.most_memory_bytes, ended.memory_bytes)
            report = _read(said, ended)
            files = dict(zip(SLOTS, outputs, strict=True))
            yield _checked(report, content_type, {slot: cast("BinaryIO", file) for slot, file in files.items()})

    @property
    def process_id(self) -> int | None:
        """Of the decoding process, where it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> Ready:
        """Start the process, and tell what it can decode."""
        with self._lock:
            self._connected()
        return self.ready

    def _ask(self, source: BinaryIO, content_type: str, descriptors: list[int]) -> Ended:
        video = kinds.ACCEPTED[content_type].video
        cpu, wall, size = VIDEO_LIMITS if video else IMAGE_LIMITS
        source.seek(0)
        try:
            asked = self._connected()
            if not (self.ready.videos if video else self.ready.images):
                raise DecoderUnavailableError("the extra `media` is not installed: pip install 'murmuration[media]'")
            asked.settimeout(wall + GRACE_SECONDS)
            socket.send_fds(asked, [msgspec.json.encode(Job(content_type, cpu, wall, size))], descriptors)
            return self._answer(asked, Ended)
        except (OSError, msgspec.DecodeError) as error:
            self._stop()
            raise DecoderUnavailableError(f"the decoding process has died ({type(error).__name__})") from error

    def _connected(self) -> socket.socket:
        if self._socket is None or self._process is None or self._process.poll() is not None:
            self._stop()
            self._start()
        assert self._socket is not None  # noqa: S101 - just made
        return self._socket

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-s", "-P", "-m", "infra.media.zygote"]
            self._process = subprocess.Popen(  # noqa: S603 - a command of our own
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": str(_ROOT), "PATH": "/usr/bin:/bin"},
                cwd="/",
                start_new_session=True,
            )
        self._socket = ours
        try:
            ours.settimeout(START_SECONDS)
            self.ready = self._answer(ours, Ready)
        except (OSError, msgspec.DecodeError) as error:
            self._stop()
            raise DecoderUnavailableError(f"the decoding process does not start ({type(error).__name__})") from error

    def _answer(self, asked: socket.socket, kind: type[T]) -> T:
        raw = asked.recv(MAX_LINE_BYTES)
        if not raw:
            raise ConnectionError
        return msgspec.json.decode(raw, type=kind)

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the process, and a child that it may have."""
        with self._lock:
            self._stop()


def _read(said: BinaryIO, ended: Ended) -> Report:
    """Return what the child reported; raises RefusedError where it refused the file, or did not come to its end."""
    if ended.stopped or (os.WIFSIGNALED(ended.status) and os.WTERMSIG(ended.status) in _FOR_LIMITS):
        raise RefusedError(TOO_EXPENSIVE)
    if ended.status:
        raise RefusedError(NOT_DECODABLE)
    said.seek(0)
    try:
        report = msgspec.json.decode(said.read(MAX_REPORT_BYTES), type=Report)
    except msgspec.DecodeError as error:
        raise RefusedError(NOT_DECODABLE) from error
    if report.failed:
        raise RefusedError(report.failed if report.failed in CODES else NOT_DECODABLE)
    return report


_FOR_LIMITS = {signal.SIGXCPU, signal.SIGXFSZ, signal.SIGKILL}


def _checked(report: Report, content_type: str, outputs: dict[str, BinaryIO]) -> Decoded:
    """Return what was decoded; raises RefusedError where the child says what cannot be."""
    accepted = kinds.ACCEPTED[content_type]
    wanted = {"video"} if accepted.video else {"image", "gif"}
    needed = set(SLOTS) if accepted.video else set(SLOTS) - {"poster"}
    if report.kind not in wanted or report.blurhash is None or {it.slot for it in report.written} != needed:
        raise RefusedError(NOT_DECODABLE)
    files = []
    for it in report.written:
        content = outputs[it.slot]
        should_be = accepted.served if it.slot == "served" else "image/webp"
        should_be = "image/webp" if report.kind == "gif" else should_be
        size = os.fstat(content.fileno()).st_size
        content.seek(0)
        if it.content_type != should_be or kinds.sniffed(content.read(kinds.HEAD_BYTES)) != should_be:
            raise RefusedError(NOT_DECODABLE)
        content.seek(0)
        files.append(File(it.slot, content, size, it.content_type, it.width, it.height))
    return Decoded(report.kind, report.duration_ms, report.blurhash, tuple(files))
