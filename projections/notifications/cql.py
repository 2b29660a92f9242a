"""Keeps notifications on Scylla or Cassandra.

Consumes:   the writes of projections.notifications.projector, placed
Writes:     told (actor and era, tweet, kind, recipient → since when, whether it stands) and its copies: notice_groups
            (recipient, tweet, kind, day → actors by time), notice_entries (recipient, week → minutes, tweets, kinds:
            the list), notice_weeks (recipient → weeks with entries); read_marks (user → read up to when),
            notice_switches (user, kind → whether it is off)
Guarantee:  the log's order, as in infra.cql.cells, without counts: of each notice one log partition speaks, and what it
            says last has the greatest timestamp; a notice keeps its first time
Rebuild:    see infra.cql.projection_store

Copies go before the row, so a row that is known has its copies. Entries and weeks are written by several log
partitions, all of them the same and for ever: they carry no value and one timestamp. A mark has its own time for
timestamp, so the latest holds. Partitions: what an account gives rise to in 99 days' tweets, what a tweet is given in
a day, what concerns an account in a week by minutes; each stays below 100 K rows up to 1,000 likes a day of one
actor, 100,000 a day of one tweet, 14,000 entries a day of one account, and grows beyond it with those.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from infra.cql.cell_tables import pair_chunks
from infra.cql.cells import NEVER, Row, Said
from infra.cql.projection_store import CqlProjectionStore, in_batches, timestamp
from infra.cql.session import Call
from projections.notifications.cql_layout import (
    ALWAYS,
    PUT_ENTRY,
    PUT_GROUP,
    PUT_MARK,
    PUT_SWITCH,
    PUT_TOLD,
    PUT_WEEK,
    TABLES,
    TOLD,
    era_of,
    week_of,
)
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.notifications.projector import MarkRead, Recall, Switch, Tell
from projections.notifications.read_model import DAY_MS, MINUTE_MS, PROJECTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed

__all__ = ["CqlNotificationsReader", "CqlNotificationsStore"]

Keyed = tuple[tuple[Any, ...], Call]
"""The partition of a table, and a call for it."""
WEEKS_REMEMBERED = 100_000


class Key(NamedTuple):
    """Which notice."""

    recipient_id: int
    tweet_id: int
    kind: int
    actor_id: int


class CqlNotificationsStore(CqlProjectionStore):
    """A writer of notifications: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = TABLES
    _weeks: frozenset[tuple[int, int]] = frozenset()  # known to be written: most notices are of a week that was

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Read the rows, write what is copied of them, then the rows."""
        said = [
            Said(span.start + at, Key(*write[:4]), write.at_ms if isinstance(write, Tell) and write.stands else None)
            for at, write in writes
            if isinstance(write, Tell | Recall)
        ]
        rows = played(said, self._rows({one.key for one in said}))
        weeks = {(key.recipient_id, week_of(row.value)) for key, row in rows.items()} - self._weeks
        yield in_batches(chain(self._copies(rows), self._new_weeks(weeks), self._wishes(writes, span)))
        yield in_batches(self._puts(rows))
        known = self._weeks if len(self._weeks) < WEEKS_REMEMBERED else frozenset()
        self._weeks = known | weeks if weeks else known
        return ()

    def _rows(self, keys: Collection[Key]) -> dict[Key, Row]:
        by_era: dict[int, set[tuple[int, int]]] = {}
        for key in keys:
            by_era.setdefault(era_of(key.tweet_id), set()).add((key.actor_id, key.tweet_id))
        calls = [
            Call(self.cql(TOLD), (actors, era, tweets))
            for era, pairs in by_era.items()
            for actors, tweets in pair_chunks(pairs)
        ]
        return {
            Key(recipient, tweet, kind, actor): Row(stands, at_ms, upto)
            for actor, tweet, kind, recipient, stands, at_ms, upto in chain.from_iterable(self.session.run_all(calls))
        }

    def _copies(self, rows: Mapping[Key, Row]) -> Iterator[Keyed]:
        for (recipient, tweet, kind, actor), (stands, at_ms, upto, _) in rows.items():
            day, minute, week = at_ms // DAY_MS, at_ms // MINUTE_MS, week_of(at_ms)
            group = (recipient, tweet, kind, day)
            yield ("groups", *group), Call(self.cql(PUT_GROUP), (*group, at_ms, actor, stands, upto))
            entry = (recipient, week, minute, tweet, kind, ALWAYS)
            yield ("entries", recipient, week), Call(self.cql(PUT_ENTRY), entry)

    def _new_weeks(self, weeks: Iterable[tuple[int, int]]) -> Iterator[Keyed]:
        for recipient, week in weeks:
            yield ("weeks", recipient), Call(self.cql(PUT_WEEK), (recipient, week, ALWAYS))

    def _wishes(self, writes: Iterable[Placed], span: Span) -> Iterator[Keyed]:
        for placed in writes:
            write = placed.write
            if isinstance(write, MarkRead):
                mark = (write.user_id, write.up_to_ms, write.up_to_ms + 1)
                yield ("read_marks", write.user_id), Call(self.cql(PUT_MARK), mark)
            elif isinstance(write, Switch):
                switch = (write.user_id, int(write.kind), write.off, timestamp(span, placed))
                yield ("switches", write.user_id), Call(self.cql(PUT_SWITCH), switch)

    def _puts(self, rows: Mapping[Key, Row]) -> Iterator[Keyed]:
        for (recipient, tweet, kind, actor), (stands, at_ms, upto, _) in rows.items():
            era = era_of(tweet)
            values = (actor, era, tweet, kind, recipient, stands, at_ms, upto)
            yield ("told", actor, era), Call(self.cql(PUT_TOLD), values)


def played(said: Iterable[Said], rows: Mapping[Key, Row]) -> dict[Key, Row]:
    """Return the rows to write when records of a span say this, in order, of the rows as read.

    A row keeps its first value, its time, for ever. One that is ahead is said again: see infra.cql.cells.
    """
    to_write: dict[Key, Row] = {}
    for offset, key, at_ms in said:
        read = rows.get(key, NEVER)
        row = to_write.get(key, read)
        if offset < read.upto:
            to_write.setdefault(key, read)
        elif at_ms is not None:
            to_write[key] = Row(True, at_ms if row.value is None else row.value, offset + 1)
        elif row.value is not None:
            to_write[key] = Row(False, row.value, offset + 1)
    return to_write
