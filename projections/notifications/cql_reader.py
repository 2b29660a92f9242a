"""Reads notifications from Scylla or Cassandra."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from infra.cql.many import chunks
from infra.cql.projection_store import CqlProjectionReader
from infra.cql.session import Call
from projections.notifications.cql_layout import week_of
from projections.notifications.read_model import MINUTE_MS, PROJECTION, Did, Entry, Group, Wishes

if TYPE_CHECKING:
    from collections.abc import Collection

WEEKS_AT_ONCE = 4  # of most accounts a page lies in the newest one or two
_SPARE_ROWS = 10  # of a group: notices that do not stand any more
_MOST_ROWS = 10_000  # of a group, until `limit` are found that stand: beyond it they were taken back on purpose

_WEEKS = f"SELECT week FROM notice_weeks{{g}} WHERE recipient_id = ? AND week <= ? LIMIT {WEEKS_AT_ONCE}"
_ENTRIES = (
    "SELECT minute, tweet_id, kind FROM notice_entries{g}"
    " WHERE recipient_id = ? AND week = ? AND (minute, tweet_id, kind) < (?, ?, ?) LIMIT ?"
)
_GROUPS = (
    "SELECT tweet_id, at_ms, actor_id, stands FROM notice_groups{g}"
    " WHERE recipient_id = ? AND tweet_id IN ? AND kind = ? AND day = ? PER PARTITION LIMIT ?"
)
_MARK = "SELECT up_to_ms FROM read_marks{g} WHERE user_id = ?"
_SWITCHES = "SELECT kind, off FROM notice_switches{g} WHERE user_id = ?"
_MAX_INT = (1 << 31) - 1
_MAX_BIGINT = (1 << 63) - 1
_NEWEST = Entry(_MAX_INT, _MAX_BIGINT, 127)


class CqlNotificationsReader(CqlProjectionReader):
    """Reads notifications (NotificationsReader)."""

    PROJECTION = PROJECTION

    def entries(self, user_id: int, before: Entry | None, limit: int) -> list[Entry]:
        """Return entries of the recipient's list, newest first, below `before` (None: from the newest)."""
        below = min(before or _NEWEST, _NEWEST)  # a cursor may carry any number
        newest_week = min(week_of(below.minute * MINUTE_MS), _MAX_INT)
        found: list[Entry] = []
        while len(found) < limit:
            weeks = [row[0] for row in self.session.run(self.cql(_WEEKS), (user_id, newest_week))]
            calls = [Call(self.cql(_ENTRIES), (user_id, week, *below, limit)) for week in weeks]
            found += [Entry(*row) for row in chain.from_iterable(self.session.run_all(calls))]
            if len(weeks) < WEEKS_AT_ONCE:
                break
            newest_week = weeks[-1] - 1
        return found[:limit]

    def groups(self, user_id: int, groups: Collection[Group], limit: int) -> dict[Group, list[Did]]:
        """Return the newest notices of each of the recipient's groups that stand, newest first; absent: none."""
        rows = limit + _SPARE_ROWS
        found: dict[Group, list[Did]] = {}
        wanted = set(groups)
        while wanted:
            read = self._read(user_id, wanted, rows)
            standing = {group: [Did(*it[:2]) for it in of_group if it[2]] for group, of_group in read.items()}
            short = {
                group
                for group, dids in standing.items()
                if len(dids) < limit and len(read[group]) == rows and rows < _MOST_ROWS
            }
            found |= {group: dids[:limit] for group, dids in standing.items() if dids and group not in short}
            wanted, rows = short, min(rows * 10, _MOST_ROWS)
        return found

    def _read(self, user_id: int, groups: Collection[Group], rows: int) -> dict[Group, list[tuple[int, int, bool]]]:
        """Return at most so many rows of each group: one question for those of one kind and day."""
        tweets: dict[tuple[int, int], list[int]] = {}
        for kind, tweet_id, day in groups:
            tweets.setdefault((kind, day), []).append(tweet_id)
        asked = [(key, chunk) for key, ids in tweets.items() for chunk in chunks(ids)]
        answers = self.session.run_all(
            [Call(self.cql(_GROUPS), (user_id, chunk, kind, day, rows)) for (kind, day), chunk in asked]
        )
        read: dict[Group, list[tuple[int, int, bool]]] = {}
        for ((kind, day), _), answer in zip(asked, answers, strict=True):
            for tweet_id, at_ms, actor_id, stands in answer:
                read.setdefault(Group(kind, tweet_id, day), []).append((at_ms, actor_id, stands))
        return read

    def wishes(self, user_id: int) -> Wishes:
        """Return what the recipient has read and wants."""
        marks, switches = self.session.run_all(
            [Call(self.cql(_MARK), (user_id,)), Call(self.cql(_SWITCHES), (user_id,))]
        )
        return Wishes(marks[0][0] or 0 if marks else 0, frozenset(kind for kind, off in switches if off))
