"""Counts on a real server: exact after kills in the middle of spans, between rivals, after the server's own death."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.cql.projection_tables import create
from infra.cql.session import CqlSession
from infra.projections import StoreUnavailableError
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph.cql import CqlGraphReader
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.notifications.read_model import Kind
from tests.cluster.cql_writer import KEPT, NEVER, history, keep
from tests.cluster.kept_keyspace import empty
from tests.conftest import settings_of
from tests.cql_keyspaces import in_keyspace, migrated
from tests.histories import USERS
from tests.naive_notifications import standing
from tests.recount import recount
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
KILLS = 6
MESSAGES = 40  # at most, of a process that is killed: a span takes some 10 to 40, the whole history 260 or more


@pytest.fixture(scope="module")
def server(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")


@pytest.fixture(scope="module")
def tables(server: Settings) -> Iterator[Settings]:
    with migrated(server, "counts"):
        yield in_keyspace(server, "counts")


@pytest.fixture
def session(tables: Settings) -> Iterator[CqlSession]:
    with closing(CqlSession(tables)) as session:
        empty(session, tables)
        for kept in KEPT:
            create(session, kept.store)
        yield session


def writer(server: Settings, batch: int, die_at: int) -> subprocess.Popen[bytes]:
    own = in_keyspace(server, "counts")
    words = [sys.executable, "-m", "tests.cluster.cql_writer", str(batch), str(die_at)]
    return subprocess.Popen(words, cwd=ROOT, env=own.environment())


def check_all_is_exact(session: CqlSession) -> None:
    """Hold every count to a recount of the log."""
    said = history()
    expected = recount(said)
    engagement, graph = CqlEngagementReader(session), CqlGraphReader(session)
    ids = {getattr(event, "tweet_id", 1) for event in said}
    kinds = (expected.likes, expected.retweets, expected.replies, expected.quotes)
    nothing = (0, 0, 0, 0)
    assert {of: counts for of, counts in engagement.counts(ids).items() if counts != nothing} == {
        of: counts for of in ids if (counts := tuple(kind[of] for kind in kinds)) != nothing
    }
    assert {of: len(engagement.likers(of, None, 99)) for of in expected.likes} == expected.likes
    assert {of: len(engagement.retweeters(of, None, 99)) for of in expected.retweets} == expected.retweets
    interactions = {(user, author): n for user in USERS for author, n in engagement.interactions(user, USERS).items()}
    assert interactions == expected.interactions
    follows = graph.counts(USERS)
    assert {of: follows[of].followers for of in expected.followers} == expected.followers
    assert {of: follows[of].following for of in expected.following} == expected.following
    assert {of: len(graph.followers(of, None, 99)) for of in expected.followers} == expected.followers
    check_notifications(CqlNotificationsReader(session), said)


def check_notifications(reader: CqlNotificationsReader, said: list[Event]) -> None:
    """Hold every group that anybody was told of to a recomputation."""
    told = set()
    for user in USERS:
        groups = {entry.group for entry in reader.entries(user, None, 10_000)}
        for group, dids in reader.groups(user, groups, 1_000).items():
            told |= {(user, group.tweet_id, Kind(group.kind).word, did.actor_id, did.at_ms) for did in dids}
    assert told == {tuple(fact) for fact in standing(said)}


def test_counts_are_exact_when_writers_are_killed_in_the_middle_of_spans(server: Settings, session: CqlSession) -> None:
    rng = random.Random(3)
    for _ in range(KILLS):
        dying = writer(server, rng.randint(20, 150), rng.randint(MESSAGES // 8, MESSAGES))
        assert dying.wait(60) == -signal.SIGKILL
    assert writer(server, 200, NEVER).wait(180) == 0
    check_all_is_exact(session)


def test_counts_are_exact_when_two_workers_fight_for_every_partition(server: Settings, session: CqlSession) -> None:
    rivals = [writer(server, batch, NEVER) for batch in (130, 70)]
    assert [rival.wait(180) for rival in rivals] == [0, 0]
    check_all_is_exact(session)


def test_counts_are_exact_when_the_server_dies_under_the_writer(fleet: Fleet, session: CqlSession) -> None:
    refused: list[Exception] = []
    at_work = threading.Thread(target=keep, args=(session, 20, refused.append), daemon=True)
    graph = CqlGraphReader(session)
    at_work.start()
    try:
        until(graph.checkpoints)
        fleet.kill("cassandra")
        until(lambda: refused)
    finally:
        fleet.start("cassandra")
    at_work.join(180)
    assert not at_work.is_alive()
    assert {type(error) for error in refused} == {StoreUnavailableError}
    check_all_is_exact(session)
