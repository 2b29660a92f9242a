"""Two tables on servers are compared side by side, by what of their rows follows from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.cql.comparing import Comparison, Differing, Shape
from projections.trends.cql_layout import TWEETS_SECONDS
from streams.replay.recount.said import Said
from streams.replay.server_rows import NEARLY_MS, meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.cql.calls import Call

SHAPE = Shape(("user_id",), ("target_id",), ("stands",))
NOW_MS = 1_800_000_000_000

Rows = dict[tuple[int, int], bool]


class Tables:
    """Stands for a session: two tables of (user, target) → stands, which it keeps in the order of their tokens."""

    def __init__(self, one: Rows, other: Rows) -> None:
        self.tables = {"one": one, "other": other}

    def scan(self, statement: str) -> Iterator[tuple[Any, ...]]:
        table = self.tables[statement.rpartition(" FROM ")[2]]
        yield from sorted((-key[0], *key, stands) for key, stands in table.items())

    def run_all(self, calls: Sequence[Call]) -> list[list[tuple[Any, ...]]]:
        found = []
        for call in calls:
            table = self.tables[call.statement.partition(" FROM ")[2].partition(" ")[0]]
            user, target = call.values
            found.append([(user, target, table[user, target])] if (user, target) in table else [])
        return found


def compared(one: Rows, other: Rows) -> Comparison:
    session: Any = Tables(one, other)
    return Comparison(session, ("one", "other"), SHAPE, meaning("follows", SHAPE.values, NOW_MS))


def test_rows_that_differ_or_that_one_table_lacks_are_found_in_one_pass() -> None:
    one = {(1, 2): True, (1, 3): True, (5, 1): False, (9, 9): True}
    other = {(1, 2): True, (1, 3): False, (4, 4): True, (9, 9): True}
    comparison = compared(one, other)
    keys = set(comparison.differing())
    assert keys == {(1, 3), (5, 1), (4, 4)}
    assert comparison.rows == len(one)
    assert comparison.still(sorted(keys)) == [
        Differing((1, 3), (True,), (False,)),
        Differing((4, 4), None, (True,)),
        Differing((5, 1), (False,), None),
    ]


def test_what_is_alike_by_now_differs_no_longer() -> None:
    one = {(1, 2): True}
    comparison = compared(one, {(1, 2): False})
    (key,) = comparison.differing()
    one[1, 2] = False
    assert comparison.still([key]) == []


def test_tables_of_two_versions_are_compared_by_the_columns_of_both() -> None:
    newer = Shape(SHAPE.partition, SHAPE.clustering, ("stands", "why"))
    assert newer.of_both(SHAPE) == SHAPE
    assert newer.of_both(Shape(("target_id",), ("user_id",), ("stands",))) is None


def test_what_a_tweet_was_that_is_gone_for_good_and_how_it_was_buried_does_not_matter() -> None:
    post = meaning("posts", ("user_id", "gone"), NOW_MS)
    assert post({"user_id": 7, "gone": True}) == post({"user_id": None, "gone": True})
    assert post({"user_id": 7, "gone": None}) != post({"user_id": 8, "gone": None})
    buried = meaning("buried_tweets", ("removed",), NOW_MS)
    assert buried({"removed": True}) is None
    assert buried({"removed": None}) is not None


def test_rows_that_are_about_to_expire_do_not_matter() -> None:
    tagged = meaning("tagged", ("at_ms",), NOW_MS)
    written_ms = NOW_MS - TWEETS_SECONDS * 1000
    assert tagged({"hour_ms": written_ms + NEARLY_MS, "at_ms": 1}) is None
    assert tagged({"hour_ms": written_ms + NEARLY_MS + 1, "at_ms": 1}) == [1]


def test_of_two_objects_only_the_members_that_differ_are_told() -> None:
    one = {"author": 1, "body": {"content": "this", "type": "TWEET"}}
    other = {"author": 1, "body": {"content": "that", "type": "TWEET"}}
    finding = Said().difference("tweet", 5, one, other)
    assert (finding.expected, finding.found) == ("{'body': {'content': 'this'}}", "{'body': {'content': 'that'}}")
