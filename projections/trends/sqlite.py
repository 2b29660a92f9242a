"""Keeps trends in SQLite.

Consumes:   the writes of projections.trends.projector
Writes:     said (topic, tweet → author, place, time), hours and days (place, topic, when it began → uses, distinct
            authors), partitions (log partition → how far it is), ages (table, day → when it was last counted in)
Guarantee:  see infra.sqlite.projection_store and projections.trends.counting
Rebuild:    delete the file

The state is bounded by time, and by what an account can add to it (see TOPICS_A_DAY): some 150 bytes a use for
USES_KEPT_MS, 60 for each of the hours that hold it for HOURS_KEPT_MS, 100 for its day for DAYS_KEPT_MS, the two last
once for a topic and place. What is let go of follows from the log: a use by how far its own log partition is, because
a replay reads one partition after another; hours and days by the one that is the farthest.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, cast

from infra.sqlite.connections import rows, scalar
from infra.sqlite.id_sets import id_set
from infra.sqlite.projection_store import SqliteProjectionReader, SqliteProjectionStore
from projections.trends.counting import ELSEWHERE, History, Spoken, added, days_of, reach, slots
from projections.trends.projector import UNKNOWN, Forget, Use, Withdraw, tweets
from projections.trends.read_model import (
    DAY_MS,
    DAYS_KEPT_MS,
    HOUR_MS,
    HOURS_KEPT_MS,
    LEAST_AUTHORS,
    USES_KEPT_MS,
    USES_KEPT_RECORDS,
    Point,
    Volume,
    day_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from infra.log.port import Span
    from projections.trends.counting import Added
    from projections.trends.projector import Write
    from projections.trends.read_model import Order

_TABLES = {HOUR_MS: "hours", DAY_MS: "days"}
_PUT = "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SAID = f"""
SELECT topic, tweet_id, author_id, place, at_ms, iif(partition = ?, number, {ELSEWHERE}), reached_ms FROM said
WHERE author_id = ? AND at_ms >= ? AND at_ms < ?
"""
_COUNT = """
INSERT INTO {0} (place, topic, at_ms, uses, authors) VALUES (?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET uses = uses + 1, authors = authors + excluded.authors
"""
_COUNTS = {length: _COUNT.format(name) for length, name in _TABLES.items()}
_FORGET_AUTHOR = "DELETE FROM said WHERE author_id = ?"
_TAKE = {
    length: f"UPDATE {name} SET uses = uses - ?, authors = authors - ? WHERE place = ? AND topic = ? AND at_ms = ?"
    for length, name in _TABLES.items()
}
_DROP = {
    length: f"DELETE FROM {name} WHERE place = ? AND topic = ? AND at_ms = ? AND uses < 1"
    for length, name in _TABLES.items()
}
_AGE = "INSERT INTO ages VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET reached_ms = max(reached_ms, excluded.reached_ms)"
_REACHED = "SELECT number, reached_ms FROM partitions WHERE partition = ?"
_KEPT_MS = {HOUR_MS: HOURS_KEPT_MS, DAY_MS: DAYS_KEPT_MS}
_OLD = "SELECT day_ms FROM ages WHERE length_ms = ? AND reached_ms < ?"
_FORGET_AGES = "DELETE FROM ages WHERE length_ms = ? AND reached_ms < ?"
_FORGET = {length: f"DELETE FROM {name} WHERE at_ms >= ? AND at_ms < ?" for length, name in _TABLES.items()}
_FORGET_USES = """
DELETE FROM said WHERE partition = :partition AND number < coalesce((
    SELECT number FROM said WHERE partition = :partition AND number < :number AND reached_ms >= :reached_ms
    ORDER BY number LIMIT 1), :number)
"""


class SqliteTrendsStore(SqliteProjectionStore):
    """The one writer of trends."""

    SCHEMA_VERSION = 2
    SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS said (
        topic TEXT, tweet_id INTEGER, author_id INTEGER NOT NULL, place INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        partition INTEGER NOT NULL, number INTEGER NOT NULL, reached_ms INTEGER NOT NULL,
        PRIMARY KEY (topic, tweet_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS said_by_author ON said (author_id, at_ms);
    CREATE INDEX IF NOT EXISTS said_by_age ON said (partition, number, reached_ms);
    CREATE TABLE IF NOT EXISTS hours (
        place INTEGER, topic TEXT, at_ms INTEGER, uses INTEGER NOT NULL, authors INTEGER NOT NULL,
        PRIMARY KEY (place, topic, at_ms)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS hours_by_authors ON hours (at_ms, place, authors DESC, uses DESC, topic)
        WHERE authors >= {LEAST_AUTHORS};
    CREATE INDEX IF NOT EXISTS hours_by_age ON hours (at_ms);
    CREATE TABLE IF NOT EXISTS days (
        place INTEGER, topic TEXT, at_ms INTEGER, uses INTEGER NOT NULL, authors INTEGER NOT NULL,
        PRIMARY KEY (place, topic, at_ms)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS days_by_uses ON days (at_ms, place, uses DESC, authors DESC, topic);
    CREATE INDEX IF NOT EXISTS days_by_authors ON days (at_ms, place, authors DESC, uses DESC, topic);
    CREATE TABLE IF NOT EXISTS partitions (
        partition INTEGER PRIMARY KEY, number INTEGER NOT NULL, reached_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS ages (
        length_ms INTEGER, day_ms INTEGER, reached_ms INTEGER NOT NULL, PRIMARY KEY (length_ms, day_ms)) WITHOUT ROWID;
    """
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {}

    def _write(self, writes: Iterable[Write], span: Span) -> None:
        for kind, run in groupby(writes, type):
            if kind is Use:
                self._use(cast("Iterable[Use]", run), span)
            elif kind is Forget:
                self._connection.executemany(_FORGET_AUTHOR, ((it.author_id,) for it in cast("Iterable[Forget]", run)))
            else:
                self._withdraw(cast("Iterable[Withdraw]", run))

    def _withdraw(self, withdrawn: Iterable[Withdraw]) -> None:
        for it in withdrawn:
            slot = (it.place, it.topic, it.began_ms)
            self._connection.execute(_TAKE[it.length_ms], (it.uses, it.authors, *slot))
            self._connection.execute(_DROP[it.length_ms], slot)

    def _use(self, writes: Iterable[Use], span: Span) -> None:
        known = rows(self._connection, _REACHED, (span.partition,))
        before = number, reached_ms = known[0] if known else (0, 0)
        ages: dict[tuple[int, int], int] = {}
        histories: dict[int, History] = {}
        for tweet in tweets(writes):
            number, reached_ms = number + 1, reach(reached_ms, tweet[0].at_ms)
            if tweet[0].topic == UNKNOWN:
                ages |= {(length, day_of(began)): reached_ms for length, began in slots(tweet[0].at_ms)}
                continue
            history = self._loaded(tweet[0], histories, span.partition)
            found = [(it := Spoken(use, number, reached_ms), added(it, history)) for use in tweet]
            history.add(it for it, more in found if more)
            for it, more in found:
                self._count(it, more, span.partition)
                ages |= {(slot.length_ms, day_of(slot.began_ms)): reached_ms for slot, _ in more}
        if (number, reached_ms) != before:
            reached = (span.partition, number, reached_ms)
            self._connection.execute("INSERT OR REPLACE INTO partitions VALUES (?, ?, ?)", reached)
            self._connection.executemany(_AGE, ((*of, at_ms) for of, at_ms in ages.items()))
            self._forget(*reached)

    def _loaded(self, use: Use, histories: dict[int, History], partition: int) -> History:
        """Return what the author said, with the days loaded that matter to the use."""
        history = histories.setdefault(use.author_id, History())
        for day_ms in days_of(use.at_ms):
            if day_ms not in history.loaded:
                found = rows(self._connection, _SAID, (partition, use.author_id, day_ms, day_ms + DAY_MS))
                history.add(Spoken(Use._make(row[:5]), *row[5:]) for row in found)
                history.loaded.add(day_ms)
        return history

    def _count(self, spoken: Spoken, found: Sequence[Added], partition: int) -> None:
        if found:
            self._connection.execute(_PUT, (*spoken.use, partition, spoken.place, spoken.reached_ms))
        for length, statement in _COUNTS.items():
            counted = [
                (slot.place, slot.topic, slot.began_ms, more) for slot, more in found if slot.length_ms == length
            ]
            self._connection.executemany(statement, counted)

    def _forget(self, partition: int, number: int, reached_ms: int) -> None:
        """Let go of what is too old, now that this partition has come that far."""
        kept = {"number": number - USES_KEPT_RECORDS, "reached_ms": reached_ms - USES_KEPT_MS}
        self._connection.execute(_FORGET_USES, {"partition": partition, **kept})
        newest: int = scalar(self._connection, "SELECT max(reached_ms) FROM partitions")
        for length_ms, forget in _FORGET.items():
            of_length = (length_ms, newest - _KEPT_MS[length_ms])
            for (day_ms,) in rows(self._connection, _OLD, of_length):
                self._connection.execute(forget, (day_ms, day_ms + DAY_MS))
            self._connection.execute(_FORGET_AGES, of_length)


WINDOW = f"""
SELECT topic, uses, authors FROM hours WHERE at_ms = ? AND place = ? AND authors >= {LEAST_AUTHORS}
ORDER BY authors DESC, uses DESC, topic LIMIT ?
"""
POINTS = """
SELECT topic, at_ms, uses, authors FROM json_each(?) AS wanted CROSS JOIN {0}
ON place = ? AND topic = wanted.value AND at_ms >= ? AND at_ms < ? WHERE (at_ms - ?) % ? = 0 ORDER BY topic, at_ms
"""
_TOP = "SELECT topic, uses, authors FROM days WHERE at_ms = ? AND place = ? ORDER BY {0} DESC, {1} DESC, topic LIMIT ?"
_TOPS: dict[str, str] = {"uses": _TOP.format("uses", "authors"), "authors": _TOP.format("authors", "uses")}
_TWEETS = "SELECT tweet_id FROM said WHERE topic = ? AND at_ms >= ? ORDER BY tweet_id DESC LIMIT ?"


class SqliteTrendsReader(SqliteProjectionReader):
    """Reads trends (TrendsReader)."""

    SCHEMA_VERSION = SqliteTrendsStore.SCHEMA_VERSION

    def window(self, place: int, began_ms: int, limit: int) -> list[Volume]:
        """Return the topics with the most authors in the hour that began then, LEAST_AUTHORS at least."""
        return [Volume._make(row) for row in rows(self._connection, WINDOW, (began_ms, place, limit))]

    def hours(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the hours from `since_ms` on in which a topic was used."""
        return self._points(HOUR_MS, place, topics, since_ms, until_ms)

    def days(self, place: int, topics: Collection[str], since_ms: int, until_ms: int) -> dict[str, list[Point]]:
        """Return, oldest first, the days (UTC) in [since, until) on which a topic was used."""
        return self._points(DAY_MS, place, topics, day_of(since_ms + DAY_MS - 1), until_ms)

    def top_of_day(self, place: int, day_ms: int, order: Order, limit: int) -> list[Volume]:
        """Return the topics of the day that begins at `day_ms`, most uses or most authors first, then by name."""
        return [Volume._make(row) for row in rows(self._connection, _TOPS[order], (day_ms, place, limit))]

    def tweets(self, topic: str, since_ms: int, limit: int) -> list[int]:
        """Return the newest tweets that use a topic and are not older than `since_ms`."""
        return [row[0] for row in rows(self._connection, _TWEETS, (topic, since_ms, limit))]

    def _points(
        self, length_ms: int, place: int, topics: Collection[str], since_ms: int, until_ms: int
    ) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {}
        values = (id_set(topics), place, since_ms, until_ms, since_ms, length_ms)
        for topic, at_ms, uses, authors in rows(self._connection, POINTS.format(_TABLES[length_ms]), values):
            found.setdefault(topic, []).append(Point(at_ms, uses, authors))
        return found
