"""Writes logs as one JSON object a line, on standard error."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, TextIO

import orjson

from infra.clock import rfc3339
from infra.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = {"httpx": logging.WARNING, "cassandra": logging.CRITICAL, "aiokafka": logging.ERROR}
"""What clients say of themselves, down to a trace for every lost connection; whoever called them says it too."""

CHATTY = {"aiokafka"}
"""Clients that say the same some hundred times a second while their server is away."""

ACCESS = "murmuration.access"
"""The logger that says a line for each request."""

GATHER_SECONDS = 0.1
SILENT_SECONDS = 10.0
_KINDS = 1_000  # of lines that are remembered

FIELDS = "fields"  # `extra={"fields": {...}}` adds members to the line


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, logger, message, the record's own fields, an error's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": rfc3339(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, FIELDS, {}))
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        text = orjson.dumps(line, default=str).decode()
        return text if record.name == ACCESS else scrub(text)  # those lines hold templates and numbers


class Sparse(logging.Filter):
    """Lets each thing that a chatty client says through once in SILENT_SECONDS, with how often it was said since."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[str, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is written."""
        if record.name.partition(".")[0] not in CHATTY:
            return True
        if len(self._said) > _KINDS:
            self._said.clear()
        kind, now = (record.name, record.msg), self._seconds()
        until, untold = self._said.get(kind, (now, 0))
        if now < until:
            self._said[kind] = until, untold + 1
            return False
        self._said[kind] = now + SILENT_SECONDS, 0
        if untold:
            record.__dict__[FIELDS] = {**getattr(record, FIELDS, {}), "untold": untold}
        return True


class Lines(logging.StreamHandler[TextIO]):
    """Writes each line at once, but those of requests together, some times a second: a system call a line is dear."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gathered: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, and those that were gathered before it; or gather it too."""
        try:
            self._gathered.append(self.format(record) + self.terminator)
            if record.name != ACCESS or not self._gathers():
                self.flush()
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)

    def _gathers(self) -> bool:
        """Tell whether an event loop sees to it that what is gathered is written."""
        if len(self._gathered) == 1:
            try:
                asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)
            except RuntimeError:
                return False
        return True

    def flush(self) -> None:
        """Write what was gathered."""
        self.acquire()
        try:
            lines, self._gathered = self._gathered, []
            if lines:
                self.stream.write("".join(lines))
            super().flush()
        finally:
            self.release()


def configure(level: str) -> None:
    """Make JSON lines of everything the process logs from `level` on."""
    _look_for_less()
    handler = Lines(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Sparse())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _look_for_less() -> None:
    """Let records not say where and by which thread they were made, which no line shows: a fifth of what a line costs.

    As the standard library's logging HOWTO has it, "Optimization".
    """
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
