"""Keeps the graph on Scylla or Cassandra.

Consumes:   the writes of projections.graph.projector, placed
Writes:     follows (user_id, target_id → since when), and its copies by time: following (user_id), followers
            (user_id, bucket); relations (user_id → whom it blocks, whom it mutes, who blocks it);
            follow_counts (user_id, source → followers, following); changes (whose blocks and mutes changed)
Guarantee:  see infra.cql.cells; a follow that is said again keeps its first time
Rebuild:    see infra.cql.projection_store

Blocks and mutes are not counted and have no time: they are written as they are said, without a look at what was.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from infra.cql.cell_tables import Cells, CellTable, Listed, changed_cells, pair_chunks, source_of
from infra.cql.cells import Counted, Row, Said, Turn, play
from infra.cql.lists import SEGMENT_ROWS, Bucketed, Whole, bucket_of, newest
from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionStore, CqlTellingReader, in_batches, timestamp
from infra.cql.session import Call
from projections.graph.projector import Block, Follow, Mute, Unblock, Unfollow, Unmute
from projections.graph.read_model import PROJECTION, Aversions, Edge, FollowCounts, Hidden, Relation
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from infra.cql.cell_tables import Pair
    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed

BLOCKS, MUTES, BLOCKED_BY = 0, 1, 2
"""Kinds of relations."""

FOLLOWED_AT_ONCE = 100  # rows of one partition that one statement asks for

_COUNTS = CellTable("follow_counts", "user_id", ("followers", "following"), lists=("followers",))
_FOLLOWS = (
    "SELECT user_id, target_id, stands, at_ms, WRITETIME(stands) FROM follows{g} WHERE user_id IN ? AND target_id IN ?"
)
_PUT_FOLLOW = "INSERT INTO follows{g} (user_id, target_id, stands, at_ms) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_PUT_FOLLOWER = (
    "INSERT INTO followers{g} (user_id, bucket, at_ms, follower_id, stands) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_PUT_FOLLOWING = "INSERT INTO following{g} (user_id, at_ms, target_id, stands) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_PUT_RELATION = "INSERT INTO relations{g} (user_id, kind, other_id, stands) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"

_RELATIONS: Mapping[type[Any], tuple[int, bool]] = {
    Block: (BLOCKS, True),
    Unblock: (BLOCKS, False),
    Mute: (MUTES, True),
    Unmute: (MUTES, False),
}


class CqlGraphStore(CqlProjectionStore):
    """A writer of the graph: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = {
        "follows": "(user_id bigint, target_id bigint, stands boolean, at_ms bigint, PRIMARY KEY (user_id, target_id))",
        "following": "(user_id bigint, at_ms bigint, target_id bigint, stands boolean,"
        " PRIMARY KEY (user_id, at_ms, target_id)) WITH CLUSTERING ORDER BY (at_ms DESC, target_id DESC)",
        "followers": "(user_id bigint, bucket int, at_ms bigint, follower_id bigint, stands boolean,"
        " PRIMARY KEY ((user_id, bucket), at_ms, follower_id))"
        " WITH CLUSTERING ORDER BY (at_ms DESC, follower_id DESC)",
        "relations": "(user_id bigint, kind tinyint, other_id bigint, stands boolean,"
        " PRIMARY KEY (user_id, kind, other_id))",
        "follow_counts": _COUNTS.columns,
    }

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Follows by the steps of infra.cql.cells, the rest beside them."""
        said = [
            Said(span.start + at, (write.user_id, write.target_id), write.at_ms if type(write) is Follow else None)
            for at, write in writes
            if type(write) in {Follow, Unfollow}
        ]
        turns, rows = play(said, self._rows({one.key for one in said}))
        cells = self._cells(turns, source_of(span))
        changed = _changed(turns, cells)
        yield _COUNTS.writes(changed, self.generation, source_of(span))
        lists = {**cells.lists, **changed.lists}
        yield in_batches(chain(self._copies(turns, lists, span.partition), self._relations(writes, span)))
        yield in_batches(self._puts(rows))
        return [user_id for _, write in writes if type(write) in _RELATIONS for user_id in write]

    def _rows(self, pairs: Collection[Pair]) -> dict[Pair, Row]:
        calls = [Call(self.cql(_FOLLOWS), chunk) for chunk in pair_chunks(pairs)]
        found = chain.from_iterable(self.session.run_all(calls))
        return {(user, target): Row(stands, at_ms, upto) for user, target, stands, at_ms, upto in found}

    def _cells(self, turns: Sequence[Turn], source: str) -> Cells:
        ids = {user_id for turn in turns for user_id in turn.key}
        return _COUNTS.read(self.session, self.generation, ids, source)

    def _copies(
        self, turns: Sequence[Turn], lists: Mapping[Any, Any], partition: int
    ) -> Iterator[tuple[tuple[Any, ...], Call]]:
        for turn in turns:
            (user, target), at_ms, stands, said_at = turn.key, turn.value, turn.by > 0, turn.offset + 1
            bucket = bucket_of(lists.get((target, "followers")), turn.since, partition)
            followers = (target, bucket, at_ms, user, stands, said_at)
            yield ("followers", target, bucket), Call(self.cql(_PUT_FOLLOWER), followers)
            following = (user, at_ms, target, stands, said_at)
            yield ("following", user), Call(self.cql(_PUT_FOLLOWING), following)

    def _relations(self, writes: Sequence[Placed], span: Span) -> Iterator[tuple[tuple[Any, ...], Call]]:
        for placed in writes:
            if found := _RELATIONS.get(type(placed.write)):
                kind, stands = found
                user, target = placed.write
                said_at = timestamp(span, placed)
                yield ("relations", user), Call(self.cql(_PUT_RELATION), (user, kind, target, stands, said_at))
                if kind == BLOCKS:
                    seen = (target, BLOCKED_BY, user, stands, said_at)
                    yield ("relations", target), Call(self.cql(_PUT_RELATION), seen)

    def _puts(self, rows: Mapping[Pair, Row]) -> Iterator[tuple[int, Call]]:
        for (user, target), row in rows.items():
            yield user, Call(self.cql(_PUT_FOLLOW), (user, target, row.stands, row.value, row.upto))


def _changed(turns: Sequence[Turn], cells: Cells) -> Cells:
    counted = [
        Counted(turn.offset, counter, turn.by)
        for turn in turns
        for counter in ((turn.key[0], "following"), (turn.key[1], "followers"))
    ]
    listed = [Listed(turn, (turn.key[1], "followers")) for turn in turns]
    return changed_cells(counted, listed, cells, SEGMENT_ROWS)


_FOLLOWERS = (
    "SELECT at_ms, follower_id, stands FROM followers{g} WHERE user_id = ? AND bucket = ?"
    " AND (at_ms, follower_id) < (?, ?) LIMIT ?"
)
_FOLLOWERS_CUT = "SELECT source, followers_starts FROM follow_counts{g} WHERE user_id = ?"
_FOLLOWING = (
    "SELECT at_ms, target_id, stands FROM following{g} WHERE user_id = ? AND (at_ms, target_id) < (?, ?) LIMIT ?"
)
_SUMS = "SELECT user_id, followers, following FROM follow_counts{g} WHERE user_id IN ?"
_FOLLOW = "SELECT stands FROM follows{g} WHERE user_id = ? AND target_id = ?"
_FOLLOWED = "SELECT target_id, stands FROM follows{g} WHERE user_id = ? AND target_id IN ?"
_OF_PAIR = "SELECT kind, stands FROM relations{g} WHERE user_id = ? AND kind IN (0, 1, 2) AND other_id = ?"
_OF_VIEWER = "SELECT kind, other_id, stands FROM relations{g} WHERE user_id = ?"
_NEWEST = Edge(MAX_ID, MAX_ID)


class CqlGraphReader(CqlTellingReader):
    """Reads the graph (GraphReader)."""

    PROJECTION = PROJECTION

    def followers(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return who follows the account."""
        source = Bucketed(self.session, self.cql(_FOLLOWERS), self.cql(_FOLLOWERS_CUT), user_id)
        return [Edge(*place) for place in newest(source, before or _NEWEST, limit)]

    def following(self, user_id: int, before: Edge | None, limit: int) -> list[Edge]:
        """Return whom the account follows."""
        source = Whole(self.session, self.cql(_FOLLOWING), user_id)
        return [Edge(*place) for place in newest(source, before or _NEWEST, limit)]

    def counts(self, user_ids: Collection[int]) -> dict[int, FollowCounts]:
        """Return the counts of each account; an account without any may be absent."""
        sums: dict[int, FollowCounts] = {}
        for user, followers, following in read_many(self.session, self.cql(_SUMS), user_ids):
            known = sums.get(user, (0, 0))
            sums[user] = FollowCounts(known[0] + (followers or 0), known[1] + (following or 0))
        return {user: counts for user, counts in sums.items() if any(counts)}

    def relation(self, viewer_id: int, target_id: int) -> Relation:
        """Return how the two stand to each other."""
        following, followed_by, others = self.session.run_all(
            [
                Call(self.cql(_FOLLOW), (viewer_id, target_id)),
                Call(self.cql(_FOLLOW), (target_id, viewer_id)),
                Call(self.cql(_OF_PAIR), (viewer_id, target_id)),
            ]
        )
        kinds = {kind for kind, stands in others if stands}
        return Relation(
            following=any(row[0] for row in following),
            followed_by=any(row[0] for row in followed_by),
            blocking=BLOCKS in kinds,
            blocked_by=BLOCKED_BY in kinds,
            muting=MUTES in kinds,
        )

    def followed(self, viewer_id: int, target_ids: Collection[int]) -> set[int]:
        """Return those of the accounts whom the viewer follows."""
        ids = list(target_ids)
        portions = [ids[at : at + FOLLOWED_AT_ONCE] for at in range(0, len(ids), FOLLOWED_AT_ONCE)]
        found = self.session.run_all([Call(self.cql(_FOLLOWED), (viewer_id, portion)) for portion in portions])
        return {target_id for target_id, stands in chain.from_iterable(found) if stands}

    def hidden(self, viewer_id: int) -> Hidden:
        """Return whose tweets the viewer does not see."""
        found = self.session.run(self.cql(_OF_VIEWER), (viewer_id,))
        return Hidden(
            frozenset(other for kind, other, stands in found if stands and kind != MUTES),
            frozenset(other for kind, other, stands in found if stands and kind == MUTES),
        )

    def aversions(self, viewer_id: int) -> Aversions:
        """Return the same with its reasons."""
        found = self.session.run(self.cql(_OF_VIEWER), (viewer_id,))
        kinds = (BLOCKS, BLOCKED_BY, MUTES)
        return Aversions._make(
            frozenset(other for kind, other, stands in found if stands and kind == it) for it in kinds
        )
