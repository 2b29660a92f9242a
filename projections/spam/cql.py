"""Keeps spam scores on Scylla or Cassandra.

Consumes:   the writes of projections.spam.projector, placed
Writes:     spam_authors (user → what is kept of it, and up to which record), spam_flagged (day, user: a row for who was
            ever flagged, under the day when last)
Guarantee:  see infra.cql.projection_store; of an author one log partition speaks, and what is kept tells up to which
            record it was folded: what comes again is not folded twice
Rebuild:    see infra.cql.projection_store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionReader, CqlProjectionStore, timestamp
from infra.cql.session import Call
from projections.spam.keeping import NEW, folded, last_at, pack, unpack, unpack_reached
from projections.spam.read_model import FLOOR, MOST_FLAGGED, PROJECTION, QUARANTINE_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed
    from projections.spam.keeping import Author
    from projections.spam.read_model import Flagged

DAY_MS = 86_400_000

_KEPT = "SELECT user_id, kept, upto FROM spam_authors{g} WHERE user_id IN ?"
_REACHED = "SELECT user_id, reached FROM spam_authors{g} WHERE user_id IN ?"
_PUT = "INSERT INTO spam_authors{g} (user_id, reached, kept, upto) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_FLAG = "INSERT INTO spam_flagged{g} (day, user_id) VALUES (?, ?) USING TIMESTAMP ?"
_UNFLAG = "DELETE FROM spam_flagged{g} USING TIMESTAMP ? WHERE day = ? AND user_id = ?"
_FLAGGED = "SELECT user_id FROM spam_flagged{g} WHERE day = ? LIMIT ?"


class CqlSpamStore(CqlProjectionStore):
    """A writer of spam scores: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = {
        "spam_authors": "(user_id bigint PRIMARY KEY, reached blob, kept blob, upto bigint)",
        "spam_flagged": "(day int, user_id bigint, PRIMARY KEY (day, user_id))",
    }

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Fold what was not folded yet; list who is flagged, then write what is kept, which says that it is folded."""
        users = {it.write.user_id for it in writes}
        found = read_many(self.session, self.cql(_KEPT), users)
        known = {user_id: (unpack(kept), upto) for user_id, kept, upto in found}
        flags: list[Call] = []
        for it in writes:
            user_id, at = it.write.user_id, timestamp(span, it)
            author, upto = known.get(user_id, (NEW, 0))
            if at <= upto:
                continue
            after = NEW if it.write.seen is None else folded(user_id, author, (it.write.seen,))
            known[user_id] = after, at
            flags += self._listed(user_id, author.at(FLOOR), after.at(FLOOR), at)
        yield flags
        yield [self._put(it, *known[it]) for it in users]
        return None

    def _listed(self, user_id: int, before_ms: int, after_ms: int, at: int) -> list[Call]:
        """List who is flagged under the day when last, and under no other; 0: never."""
        before, after = before_ms // DAY_MS, after_ms // DAY_MS
        calls = [Call(self.cql(_FLAG), (after, user_id, at))] if after_ms not in {0, before_ms} else []
        if before_ms and before != after:
            calls.append(Call(self.cql(_UNFLAG), (at, before, user_id)))
        return calls

    def _put(self, user_id: int, author: Author, upto: int) -> Call:
        return Call(self.cql(_PUT), (user_id, pack(author.reached), pack(author), upto, upto))


class CqlSpamReader(CqlProjectionReader):
    """Reads spam scores (SpamReader)."""

    PROJECTION = PROJECTION

    def flagged(self, tenths: int, since_ms: int) -> dict[int, int]:
        """Return the accounts that reached so many tenths since a time, and when last; MOST_FLAGGED at most."""
        last = self._last_day(since_ms)
        calls = [Call(self.cql(_FLAGGED), (day, MOST_FLAGGED)) for day in range(since_ms // DAY_MS, last + 1)]
        listed = [row[0] for rows in self.session.run_all(calls) for row in rows][:MOST_FLAGGED]
        found = read_many(self.session, self.cql(_REACHED), listed)
        when = {user_id: last_at(unpack_reached(reached), tenths) for user_id, reached in found}
        return {user_id: at_ms for user_id, at_ms in when.items() if at_ms and at_ms >= since_ms}

    @staticmethod
    def _last_day(since_ms: int) -> int:
        """Return the last day that can be flagged: readers ask for QUARANTINE_MS; clocks are less than a day apart."""
        return (since_ms + QUARANTINE_MS) // DAY_MS + 1

    def seen(self, user_ids: Collection[int]) -> dict[int, int]:
        """Return how many tweets of each account were looked at; absent: none."""
        found = read_many(self.session, self.cql(_KEPT), user_ids)
        return {user_id: unpack(kept).tweets for user_id, kept, _ in found}

    def many(self, user_ids: Collection[int], tenths: int) -> dict[int, Flagged]:
        """Return those of the accounts that ever reached so many tenths."""
        found = read_many(self.session, self.cql(_KEPT), user_ids)
        flagged = {user_id: unpack(kept).flagged(user_id, tenths) for user_id, kept, _ in found}
        return {user_id: it for user_id, it in flagged.items() if it is not None}
