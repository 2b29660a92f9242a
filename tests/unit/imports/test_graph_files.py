"""Follow graphs: what is read, and which events come out."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from commands.imports.errors import ImportFileError
from commands.imports.files import Graph, content_of, digest_of, read_epinions, read_follows
from commands.imports.graph import GRAPH_END_MS, GraphPlan
from commands.imports.plan import Audience
from schemas.accounts.events import AccountRegistered
from schemas.follows.events import Followed

if TYPE_CHECKING:
    from pathlib import Path


def names_and_follows(graph: Graph) -> tuple[list[str], list[tuple[str, str]]]:
    events = [event for step in GraphPlan(graph, Audience("epinions", active=False)).steps() for event in step]
    names = {event.user_id: event.username for event in events if isinstance(event, AccountRegistered)}
    follows = [(names[event.user_id], names[event.target_id]) for event in events if isinstance(event, Followed)]
    assert all(event.envelope.occurred_at_ms < GRAPH_END_MS for event in events)
    return list(names.values()), follows


def test_an_edge_is_a_follow_once_and_nobody_follows_themselves() -> None:
    graph = read_epinions(b"# a comment\r\n0\t4\r\n\r\n4\t0\r\n0\t4\r\n7\t7\r\n", None)
    names, follows = names_and_follows(graph)
    assert names == ["epinions_0", "epinions_4", "epinions_7"]
    assert follows == [("epinions_0", "epinions_4"), ("epinions_4", "epinions_0")]


def test_json_edges_are_read_and_labels_passed_by() -> None:
    names, follows = names_and_follows(read_follows(b'{"labels": {"0": "x"}, "edges": [[3, 1], [1, 2]]}', None))
    assert (names, follows) == (
        ["epinions_3", "epinions_1", "epinions_2"],
        [("epinions_3", "epinions_1"), ("epinions_1", "epinions_2")],
    )


def test_a_limit_counts_rows_and_not_comments() -> None:
    assert len(read_epinions(b"# one\n1 2\n# two\n2 3\n3 4\n", 2).followers) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[]", "no JSON object with a member `edges`"),
        (b"{", "no JSON object with a member `edges`"),
        (b'{"edges": [[1, 2], [1]]}', r"edge 2: \[1\] is no pair"),
        (b'{"edges": [[1, "2"]]}', "edge 1: .* is no pair"),
        (b'{"edges": [[1, -2]]}', "edge 1: .* is no pair"),
        (b'{"edges": 5}', "no list of edges"),
        (b'{"edges": [[1, 99999999999999999999]]}', "edge 1: .* is no pair"),
        (b'{"edges": [[true, false]]}', "edge 1: .* is no pair"),
    ],
)
def test_malformed_json_is_named(content: bytes, problem: str) -> None:
    with pytest.raises(ImportFileError, match=problem):
        read_follows(content, None)


def test_a_packed_file_and_the_same_unpacked_are_one_source(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"1 2\n")
    (tmp_path / "packed").write_bytes(gzip.compress(b"1 2\n"))
    plain, packed = (content_of(tmp_path / name) for name in ("plain", "packed"))
    assert digest_of(plain) == digest_of(packed)


def test_a_file_that_is_cut_short_or_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(gzip.compress(b"1 2\n" * 1000)[:-12])
    for name in ("cut", "missing"):
        with pytest.raises(ImportFileError, match=name):
            content_of(tmp_path / name)
