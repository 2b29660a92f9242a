"""Writes logs as one JSON object a line, on standard error."""

from __future__ import annotations

import logging
import sys

import orjson

from infra.clock import rfc3339

QUIET = {"httpx": logging.WARNING, "cassandra": logging.CRITICAL, "aiokafka": logging.ERROR}
"""What clients say of themselves, down to a trace for every lost connection; whoever called them says it too."""

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
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Make JSON lines of everything the process logs from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
