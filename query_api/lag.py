"""How far each projection is behind the log: the header of every answer, and the table of `/projections`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from query_api.stores import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.clock import Clock
    from infra.log.port import TopicPartition
    from infra.log.sqlite_reader import SqliteLogReader
    from infra.sources import Slot
    from query_api.stores import Stores

SAMPLE_SECONDS = 0.1  # both ends of the difference are read together, at most this often


class Progress(NamedTuple):
    """Where a projection stands: per partition the offsets applied and there; `applied` None: it is not there yet."""

    projection: str
    applied: Mapping[TopicPartition, int] | None
    ends: Mapping[TopicPartition, int]

    def behind(self) -> dict[TopicPartition, int]:
        """Return, per partition, the records that are not applied."""
        applied = self.applied or {}
        return {key: max(0, end - applied.get(key, 0)) for key, end in self.ends.items()}


class LogEnds(Protocol):
    """What lag is measured against; `reason` tells why the log cannot be asked (empty: it can)."""

    @property
    def reason(self) -> str:
        """Why it cannot be asked, or empty."""

    def start(self) -> None:
        """Begin to follow it, inside the event loop."""

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return, as far as is known, the offset that the next record of each partition will get."""

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """Return when a record was appended, unix milliseconds; None where that is not known."""

    def close(self) -> None:
        """Let go of the log."""


class FileEnds:
    """The ends of a log in a file (LogEnds)."""

    def __init__(self, slot: Slot[SqliteLogReader]) -> None:
        self._slot = slot

    @property
    def reason(self) -> str:
        """Why it cannot be read, or empty."""
        self._slot.look()
        return self._slot.reason

    def start(self) -> None:
        """Nothing: a file is read when it is asked for."""

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return the ends; none where there is no log yet."""
        self._slot.look()
        return {} if self._slot.reader is None else self._slot.reader.end_offsets(topics)

    def appended_at_ms(self, topic: str, partition: int, offset: int) -> int | None:
        """Return when a record was appended."""
        return None if self._slot.reader is None else self._slot.reader.appended_at_ms(topic, partition, offset)

    def close(self) -> None:
        """Close the file."""
        self._slot.close("the process is stopping")


class LagMeter:
    """Compares checkpoints with the ends of the log."""

    def __init__(self, stores: Stores, log: LogEnds, clock: Clock) -> None:
        self._stores = stores
        self._log = log
        self._clock = clock
        self._events: dict[str, int] = {}
        self._sampled_at = float("-inf")

    def start(self) -> None:
        """Begin to follow the log, inside the event loop."""
        self._log.start()

    def header(self, projections: Iterable[str]) -> str:
        """Return the events behind, as of SAMPLE_SECONDS ago at most: `tweets=0, accounts=2`."""
        now = time.monotonic()
        if now - self._sampled_at >= SAMPLE_SECONDS:
            self._events = {name: sum(self.progress(name).behind().values()) for name in self._stores.names}
            self._sampled_at = now  # last: a file may fail under the sample
        return ", ".join([f"{name}={self._events[name]}" for name in projections])

    def forget(self) -> None:
        """Sample again before the next header."""
        self._sampled_at = float("-inf")

    def progress(self, projection: str) -> Progress:
        """Return where a projection stands now."""
        applied = self._stores.checkpoints(projection)
        return Progress(projection, applied, self._log.end_offsets(TOPICS[projection]))

    def seconds(self, progress: Progress) -> float:
        """Return for how long the oldest record that is not applied has been waiting; 0 where there is none."""
        applied = progress.applied or {}
        behind = [key for key, count in progress.behind().items() if count]
        times = [self._log.appended_at_ms(*key, applied.get(key, 0)) for key in behind]
        oldest = min((at_ms for at_ms in times if at_ms is not None), default=None)
        return 0.0 if oldest is None else max(0.0, (self._clock.now_ms() - oldest) / 1000)

    @property
    def reason(self) -> str:
        """Why the log cannot be asked, or empty."""
        return self._log.reason

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()
