"""Reads what `--until` says — a time, or positions of the log — as an end, exclusive, for every partition."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from infra.clock import rfc3339, unix_ms
from infra.log.port import TopicPartition
from infra.trouble import TroubleError
from streams.replay.decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from infra.log.port import LogReader

_POSITION = re.compile(r"([a-z-]+)/(\d+):(\d+)")
FORMS = "write a time (2026-11-23T12:00:00Z, or unix milliseconds), or positions (tweets/3:1200,tweets/4:1180)"


class Moment(NamedTuple):
    """Where each partition ends, and the time that was asked for, if one was."""

    ends: Mapping[TopicPartition, int]
    at_ms: int | None = None


def moment(text: str, log: LogReader, topics: Collection[str], now_ms: int) -> Moment:
    """Return the moment; partitions that positions do not name go to their ends. Raises TroubleError."""
    ends = dict(log.end_offsets(sorted(topics)))
    if "/" in text:
        for part in text.split(","):
            found = _POSITION.fullmatch(part.strip())
            place = TopicPartition(found[1], int(found[2])) if found else None
            if found is None or place not in ends:
                raise TroubleError(f"{part.strip()!r} is no position of these projections' topics", FORMS)
            ends[place] = min(ends[place], int(found[3]))
        return Moment(ends)
    at_ms = _time(text)
    if at_ms > now_ms:
        raise TroubleError(f"{rfc3339(at_ms)} has not come yet", "what happens until then is not known")
    return Moment({place: _first_after(log, place, end, at_ms) for place, end in ends.items()}, at_ms)


def _time(text: str) -> int:
    if text.isdigit():
        return int(text)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise TroubleError(f"{text!r} is no time", FORMS) from error
    return unix_ms(read if read.tzinfo else read.replace(tzinfo=UTC))


def _first_after(log: LogReader, place: TopicPartition, end: int, at_ms: int) -> int:
    """Return the first offset of an event after that time, by halving: a partition is in the order of time."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if _event_ms(log, place, middle) > at_ms:
            high = middle
        else:
            low = middle + 1
    return low


def _event_ms(log: LogReader, place: TopicPartition, offset: int) -> int:
    batch = log.read(*place, offset, 1)
    read = decoded(batch.values if batch else (), frozenset()).read()
    return read[0].envelope.occurred_at_ms if read else 0  # what cannot be read is taken for old
