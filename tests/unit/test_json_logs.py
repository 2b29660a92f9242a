"""What gets into the logs: not what a chatty client repeats, and no tokens."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import jwt

from infra import json_logs
from infra.json_logs import ACCESS, FIELDS, SILENT_SECONDS, JsonFormatter, Lines, Sparse
from infra.scrubbing import HIDDEN

if TYPE_CHECKING:
    import pytest


class Ear:
    def __init__(self) -> None:
        self.now = 0.0
        self.sparse = Sparse(lambda: self.now)

    def hears(self, logger: str, message: str, *told: object) -> dict[str, Any] | None:
        """Return the fields of the line, or None where it is not written."""
        record = logging.LogRecord(logger, logging.ERROR, "", 0, message, told, None)
        return getattr(record, FIELDS, {}) if self.sparse.filter(record) else None


def test_what_a_chatty_client_repeats_is_counted_and_told_ten_seconds_later() -> None:
    ear = Ear()
    assert ear.hears("aiokafka.fetcher", "no node %s", 1) == {}
    assert [ear.hears("aiokafka.fetcher", "no node %s", node) for node in range(100)] == [None] * 100
    assert ear.hears("aiokafka.fetcher", "something else") == {}
    assert ear.hears("aiokafka", "no node %s", 1) == {}
    ear.now += SILENT_SECONDS
    assert ear.hears("aiokafka.fetcher", "no node %s", 1) == {"untold": 100}
    ear.now += SILENT_SECONDS
    assert ear.hears("aiokafka.fetcher", "no node %s", 1) == {}


def test_nothing_that_others_say_is_held_back() -> None:
    ear = Ear()
    assert [ear.hears("commands.app", "a store does not answer") for _ in range(3)] == [{}] * 3


def test_a_client_that_says_ever_new_things_does_not_fill_the_memory() -> None:
    ear = Ear()
    for number in range(5_000):
        assert ear.hears("aiokafka", f"number {number}") == {}
    assert len(ear.sparse._said) <= 1_001


def test_tokens_and_tickets_are_not_written() -> None:
    token = jwt.encode({"sub": "1", "name": "somebody"}, "x" * 32, "HS256", {"typ": "stream-ticket+jwt"})
    record = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, 'GET "/stream?ticket=%s&x=1"', (token,), None)
    setattr(record, FIELDS, {"header": f"Bearer {token}"})
    line = JsonFormatter().format(record)
    assert token not in line
    assert token.rpartition(".")[2] not in line
    assert json.loads(line)["message"] == f'GET "/stream?ticket={HIDDEN}&x=1"'
    assert json.loads(line)["header"] == f"Bearer {HIDDEN}"


def record_of(logger: str, message: str) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.INFO, "", 0, message, (), None)


async def test_lines_of_requests_are_written_together_and_before_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_logs, "GATHER_SECONDS", 0.01)
    written = io.StringIO()
    lines = Lines(written)
    for message in ("one", "two"):
        lines.handle(record_of(ACCESS, message))
    assert written.getvalue() == ""
    lines.handle(record_of("commands.app", "three"))
    assert written.getvalue() == "one\ntwo\nthree\n"
    lines.handle(record_of(ACCESS, "four"))
    async with asyncio.timeout(30):
        while not written.getvalue().endswith("four\n"):  # noqa: ASYNC110 - what is waited for announces nothing
            await asyncio.sleep(0.001)


def test_outside_of_an_event_loop_lines_of_requests_are_written_at_once() -> None:
    written = io.StringIO()
    Lines(written).handle(record_of(ACCESS, "one"))
    assert written.getvalue() == "one\n"
