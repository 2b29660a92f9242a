"""What every projection over CQL has in common: its tables, its checkpoint, and what it tells to caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from infra.cql.calls import Call
from infra.cql.progress import Changes, Look, Progress, read_progress
from infra.cql.projection_store import CqlProjectionReader, CqlProjectionStore, in_batches, timestamp
from infra.cql.projection_tables import create, drop
from infra.log.port import Span, TopicPartition
from infra.projections import Placed, WrongSpanError
from infra.trouble import TroubleError
from tests.conftest import settings_of
from tests.cql_keyspaces import migrated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.cql.session import CqlSession
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

PLACE = TopicPartition("things", 1)


class Things(CqlProjectionStore):
    """Keeps numbers, and tells caches of all of them."""

    PROJECTION = "things"
    TABLES: ClassVar[Mapping[str, str]] = {"things": "(id bigint PRIMARY KEY, times int)"}

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        put = self.cql("INSERT INTO things{g} (id, times) VALUES (?, 1) USING TIMESTAMP ?")
        yield in_batches((it.write, Call(put, (it.write, timestamp(span, it)))) for it in writes)
        return [it.write for it in writes]


class NewerThings(Things):
    """The same, to come."""

    SCHEMA_VERSION = 2


class ThingsReader(CqlProjectionReader):
    """Reads them."""

    PROJECTION = "things"

    def ids(self) -> set[int]:
        return {row[0] for row in self.session.run(self.cql("SELECT id FROM things{g}"))}


@pytest.fixture(scope="module")
def keyspace(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CqlSession]:
    with migrated(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra"), "things") as session:
        yield session


@pytest.fixture
def session(keyspace: CqlSession) -> Iterator[CqlSession]:
    """Where the tables are new."""
    create(keyspace, Things)
    yield keyspace
    drop(keyspace, Things)


def say(store: Things, start: int, *ids: int) -> None:
    store.apply([Placed(at, it) for at, it in enumerate(ids)], Span(*PLACE, start, start + len(ids)))


def test_a_generation_without_tables_is_refused_in_one_line(keyspace: CqlSession) -> None:
    for generation in (1, 2):
        with pytest.raises(TroubleError) as told:
            Things(keyspace, "a-log", generation)
        assert "murmur migrate" in told.value.remedy


def test_tables_of_another_version_are_refused_and_not_made_over(session: CqlSession) -> None:
    for attempt in (lambda: NewerThings(session, "a-log"), lambda: create(session, NewerThings)):
        with pytest.raises(TroubleError, match="schema 1, this version wants 2"):
            attempt()


def test_dropped_and_made_again_a_projection_begins_at_nothing_and_with_any_log(session: CqlSession) -> None:
    say(Things(session, "a-log"), 0, 5, 6)
    drop(session, Things)
    create(session, Things)
    store = Things(session, "another-log")
    assert (store.checkpoints(), read_progress(session)) == ({}, {})
    say(store, 0, 7)
    assert ThingsReader(session).ids() == {7}
    assert read_progress(session) == {"things": {PLACE: Progress(1, 1)}}


def test_generations_have_nothing_to_do_with_each_other(session: CqlSession) -> None:
    create(session, Things, 2)
    say(Things(session, "a-log", 2), 0, 5)
    assert (ThingsReader(session).ids(), ThingsReader(session, 2).ids()) == (set(), {5})
    assert (read_progress(session), read_progress(session, 2)["things"]) == ({}, {PLACE: Progress(1, 1)})
    drop(session, Things, 2)


def test_a_partition_that_was_elsewhere_goes_on_where_the_other_worker_stopped(session: CqlSession) -> None:
    one, other = Things(session, "a-log"), Things(session, "a-log")
    say(one, 0, 1, 2)
    say(other, 2, 3, 4)
    say(one, 4, 5)
    say(other, 2, 33, 44)  # applied already, as it remembers
    with pytest.raises(WrongSpanError, match="applied up to 5, given 3"):
        say(other, 3, 4, 5, 6)
    say(other, 5, 6)
    assert ThingsReader(session).ids() == {1, 2, 3, 4, 5, 6}
    assert one.checkpoints() == {PLACE: 6}


def test_a_worker_that_is_far_behind_does_not_take_the_checkpoint_back(session: CqlSession) -> None:
    ghost, worker = Things(session, "a-log"), Things(session, "a-log")
    assert ghost.checkpoints() == {}
    say(worker, 0, 1, 2, 3)
    say(ghost, 0, 1)
    assert ThingsReader(session).checkpoints() == {PLACE: 3}


def test_caches_hear_once_what_changed_and_only_as_far_as_was_looked(session: CqlSession) -> None:
    store = Things(session, "a-log")
    say(store, 0, 1)
    look = Look(session, f"{session.keyspace}_lwt")
    look.rows(ThingsReader)
    look.read()
    by_itself, by_look = Changes(session, "things"), Changes(session, "things", progress=look.of("things", 1))
    say(store, 1, 2, 3)
    assert sorted(by_itself.new()) == [2, 3]
    assert by_look.new() == []
    assert look.read() == {"things": {PLACE: 3}}
    assert sorted(by_look.new()) == [2, 3]
    assert by_look.new() == by_itself.new() == []
