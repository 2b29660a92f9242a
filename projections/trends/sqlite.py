"""Keeps trends in SQLite.

Consumes:   the writes of projections.trends.projector
Writes:     uses (topic, tweet → author, place, minute; for USES_KEPT_MS), hours and days (place, topic, hour or day →
            uses, distinct authors; for HOURS_KEPT_MS and DAYS_KEPT_MS), watermarks (log partition → newest event time)
Guarantee:  see infra.sqlite.projection_store; a use that is said again within USES_KEPT_MS is counted once
Rebuild:    delete the file

Memory is bounded by time: some 150 bytes a use for two days, 60 bytes for each topic, place and hour it was used in
for a month, and as much for each day. What is let go follows from event time alone: single uses by the newest time in
the log partition that they came from, because an author has one partition and must be recognised in a replay, too,
which reads one partition after another; hours and days by the newest time of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from infra.places import WORLD, lineage, parts
from infra.sqlite.connections import rows, scalar
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.trends.read_model import (
    DAY_MS,
    DAYS_KEPT_MS,
    HOUR_MS,
    HOURS_KEPT_MS,
    MINUTE_MS,
    USES_KEPT_MS,
    Point,
    Volume,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from infra.log.port import Span
    from projections.trends.projector import Use
    from projections.trends.read_model import Order

_SPANS = (("hours", HOUR_MS), ("days", DAY_MS))
_NEWEST = "SELECT coalesce(max(at_ms), 0) FROM watermarks"
_PUT = "INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?, ?, ?)"
_BEFORE = """
SELECT DISTINCT place FROM uses WHERE topic = ? AND author_id = ? AND at_ms >= ? AND at_ms < ? AND tweet_id <> ?
"""
_ADVANCE = "INSERT INTO watermarks VALUES (?, ?) ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)"
_FORGET_USES = "DELETE FROM uses WHERE partition = ? AND at_ms < ?"
_COUNT = """
INSERT INTO {0} (place, at_ms, topic, uses, authors) VALUES (?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET uses = uses + 1, authors = authors + excluded.authors
"""
_COUNTS = [(_COUNT.format(name), length) for name, length in _SPANS]


class SqliteTrendsStore(SqliteProjectionStore):
    """The one writer of trends."""

    SCHEMA = """
    CREATE TABLE IF NOT EXISTS uses (
        topic TEXT, tweet_id INTEGER, author_id INTEGER NOT NULL, place INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        partition INTEGER NOT NULL, PRIMARY KEY (topic, tweet_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS uses_by_author ON uses (topic, author_id, at_ms);
    CREATE INDEX IF NOT EXISTS uses_by_time ON uses (at_ms, place, topic, author_id);
    CREATE INDEX IF NOT EXISTS uses_by_age ON uses (partition, at_ms);
    CREATE TABLE IF NOT EXISTS hours (
        place INTEGER, topic TEXT, at_ms INTEGER, uses INTEGER NOT NULL, authors INTEGER NOT NULL,
        PRIMARY KEY (place, topic, at_ms)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS hours_by_age ON hours (at_ms);
    CREATE TABLE IF NOT EXISTS days (
        place INTEGER, topic TEXT, at_ms INTEGER, uses INTEGER NOT NULL, authors INTEGER NOT NULL,
        PRIMARY KEY (place, topic, at_ms)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS days_by_uses ON days (at_ms, place, uses);
    CREATE TABLE IF NOT EXISTS watermarks (partition INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {}

    def _write(self, writes: Iterable[Use], span: Span) -> None:
        newest = 0
        for use in writes:
            self._connection.execute(_PUT, (*use, span.partition))
            if self._connection.changes():
                self._count(use)
            newest = max(newest, use.at_ms)
        if newest:
            self._forget(newest, span.partition)

    def _count(self, use: Use) -> None:
        places = lineage(use.place)
        for statement, length in _COUNTS:
            began = use.at_ms - use.at_ms % length
            before = (use.topic, use.author_id, began, began + length, use.tweet_id)
            known = {place for (there,) in rows(self._connection, _BEFORE, before) for place in lineage(there)}
            counted = [(place, began, use.topic, int(place not in known)) for place in places]
            self._connection.executemany(statement, counted)

    def _forget(self, newest_ms: int, partition: int) -> None:
        """Let go of what is too old, now that this partition has come that far."""
        self._connection.execute(_ADVANCE, (partition, newest_ms))
        reached = scalar(self._connection, "SELECT at_ms FROM watermarks WHERE partition = ?", (partition,))
        self._connection.execute(_FORGET_USES, (partition, reached - USES_KEPT_MS))
        newest_of_all = scalar(self._connection, _NEWEST)
        self._connection.execute("DELETE FROM hours WHERE at_ms < ?", (newest_of_all - HOURS_KEPT_MS,))
        self._connection.execute("DELETE FROM days WHERE at_ms < ?", (newest_of_all - DAYS_KEPT_MS,))


_WINDOW = """
SELECT topic, count(*), count(DISTINCT author_id) AS authors FROM uses
WHERE at_ms >= ? AND at_ms < ? AND (? OR place IN (SELECT value FROM json_each(?)))
GROUP BY topic ORDER BY authors DESC, 2 DESC, topic LIMIT ?
"""
_POINTS = """
SELECT topic, at_ms, uses, authors FROM json_each(?) AS wanted CROSS JOIN {0}
ON place = ? AND topic = wanted.value AND at_ms >= ? AND at_ms < ? ORDER BY topic, at_ms
"""
_TOP = "SELECT topic, uses, authors FROM days WHERE at_ms = ? AND place = ? ORDER BY {0} DESC, {1} DESC, topic LIMIT ?"
_TOPS: dict[str, str] = {"uses": _TOP.format("uses", "authors"), "authors": _TOP.format("authors", "uses")}
_TWEETS = "SELECT tweet_id FROM uses WHERE topic = ? ORDER BY tweet_id DESC LIMIT ?"


class SqliteTrendsReader(SqliteProjectionReader):
    """Reads trends (TrendsReader)."""

    def newest_ms(self) -> int:
        """Return the time of the newest use, 0 where there is none."""
        newest: int = scalar(self._connection, _NEWEST)
        return newest

    def window(self, place: int, since_ms: int, until_ms: int, limit: int) -> list[Volume]:
        """Return the topics with the most authors in [since, until), to the minute, while single uses are kept."""
        bounds = (since_ms - since_ms % MINUTE_MS, until_ms - until_ms % MINUTE_MS)
        values = (*bounds, place == WORLD, id_set(parts(place)), limit)
        return [Volume._make(row) for row in rows(self._connection, _WINDOW, values)]

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the hours in [since, until) in which a topic was used."""
        return self._points("hours", place, topics, since_ms, until_ms)

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the days (UTC) in [since, until) on which a topic was used."""
        return self._points("days", place, topics, since_ms, until_ms)

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        """Return the topics of the day that begins at `day_ms`, most uses or most authors first, then by name."""
        return [Volume._make(row) for row in rows(self._connection, _TOPS[order], (day_ms, place, limit))]

    def tweets(self, topic: str, limit: int) -> list[int]:
        """Return the newest tweets that use a topic, within USES_KEPT_MS of the newest."""
        return [row[0] for row in rows(self._connection, _TWEETS, (topic, limit))]

    def _points(
        self, table: str, place: int, topics: Collection[str], since_ms: int, until_ms: int
    ) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {}
        values = (id_set(topics), place, since_ms, until_ms)
        for topic, *point in rows(self._connection, _POINTS.format(table), values):
            found.setdefault(topic, []).append(Point._make(point))
        return found
