"""What lag is measured against: where the log ends, and when a record came. Reads the embedded log's facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.sqlite import OFFSET_BITS, topics_of
from infra.log.sqlite_reader import SqliteLogReader
from infra.sqlite.connections import open_reader, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infra.log.port import TopicPartition

_APPENDED_AT = "SELECT appended_at_ms FROM batches WHERE id <= ? ORDER BY id DESC LIMIT 1"


class LogEnds:
    """The ends of the fact topics; opens the file read-only."""

    def __init__(self, path: Path) -> None:
        self._log = SqliteLogReader(path)
        self._rows = open_reader(path)
        self._first_numbers = {topic.name: topic.first_number for topic in topics_of(self._rows).values()}

    def end_offsets(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """Return, for each partition of the topics, the offset that the next record will get."""
        return self._log.end_offsets(topics)

    def appended_at_ms(self, place: TopicPartition, offset: int) -> int | None:
        """Return when a record was appended: not its event's time, which an import takes from the past."""
        row = self._first_numbers[place.topic] + place.partition << OFFSET_BITS | offset
        appended: int | None = scalar(self._rows, _APPENDED_AT, (row,))
        return appended

    def close(self) -> None:
        """Close the file."""
        self._log.close()
        self._rows.close()
