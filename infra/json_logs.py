"""Writes logs as one JSON object a line, on standard error."""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TYPE_CHECKING

import orjson

from infra.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = {"httpx": logging.WARNING, "cassandra": logging.CRITICAL, "aiokafka": logging.ERROR}
"""What clients say of themselves, down to a trace for every lost connection; whoever called them says it too."""

CHATTY = {"aiokafka"}
"""Clients that say the same some hundred times a second while their server is away."""

SILENT_SECONDS = 10.0
_KINDS = 1_000  # of lines that are remembered

HIDDEN = "(token)"
_TOKENS_BEGIN = "eyJ"  # base64url of `{"`
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
"""Tokens and tickets, wherever they got into a line from: a query string, a traceback."""

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
        return _TOKEN.sub(HIDDEN, text) if _TOKENS_BEGIN in text else text


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


def configure(level: str) -> None:
    """Make JSON lines of everything the process logs from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Sparse())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
