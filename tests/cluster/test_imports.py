"""Imports on a real Kafka: killed at random moments, gone on with, repeated."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands import claims
from commands.imports.bootstrap import plan_of
from commands.imports.cluster import CHUNKS_IN_FLIGHT
from commands.imports.errors import ImportConflictError
from commands.imports.loader import EVENTS_PER_APPEND
from commands.imports.names import ClusterNames
from infra.cluster import make_topics
from infra.cql.migrate import migrate
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.log.kafka_reader import KafkaLogReader
from infra.log.partitioner import partition_of
from schemas.catalogue import ACCOUNTS, FOLLOWS, TWEETS
from schemas.codec import encode, topic_and_key
from schemas.ids import first_id_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.journal.port import Claim
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 60.0
ROWS, KILLS = 10_000, 3

Log = dict[tuple[str, int], list[bytes]]


@pytest.fixture
def settings(cluster: Settings) -> Iterator[Settings]:
    """Names of its own to claim, as the admin; topics are everybody's."""
    admin = {"cassandra_app_user": cluster.cassandra_user, "cassandra_app_password": cluster.cassandra_password}
    own = cluster.model_copy(update={"cassandra_keyspace": f"imports_{secrets.token_hex(4)}", **admin})
    make_topics(own)
    with closing(CqlSession(own, keyspace="")) as session:
        migrate(session, own)
    yield own
    with closing(CqlSession(own, keyspace="")) as session:
        for keyspace in keyspaces(own):
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


@pytest.fixture
def higgs_file(tmp_path: Path) -> Path:
    """Rows like no other file's, so that what is found of them on the log is of this test."""
    dice, first = random.Random(88), 1_000_000_000 + time.time_ns() // 1_000_000 % 1_000_000_000
    people = [int(dice.paretovariate(0.7)) % 900 for _ in range(2 * ROWS)]
    rows = zip(people[::2], people[1::2], range(ROWS), strict=True)
    lines = [f"{a} {b} {first + at // 7} {dice.choice(['RT', 'RT', 'MT', 'RE'])}\n" for a, b, at in rows]
    path = tmp_path / "rows.txt"
    path.write_text("".join(lines))
    return path


def loading(file: Path, settings: Settings) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.cluster.import_worker", str(file)]
    return subprocess.Popen(command, cwd=ROOT, env=settings.environment(), stdout=subprocess.PIPE, text=True)


def loaded(file: Path, settings: Settings) -> int:
    """Load to the end; return how many events were appended."""
    with loading(file, settings) as process:
        out, _ = process.communicate(timeout=BOUND_SECONDS)
    assert process.returncode == 0
    return int(out.split()[-1])


def planned(file: Path, settings: Settings) -> Log:
    """Return the records of the plan, partition by partition."""
    wanted: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    with closing(KafkaLogReader(settings.kafka_bootstrap, (ACCOUNTS, FOLLOWS, TWEETS))) as log:
        for step in plan_of("higgs", file.read_bytes(), None, active=False).steps():
            for event in step:
                topic, key = topic_and_key(event)
                wanted[topic, partition_of(key, log.partitions(topic))].append(encode(event))
    return wanted


def found(wanted: Log, settings: Settings) -> Log:
    """Return which records of a plan stand in each partition, in order, as often as they do."""
    ours = {value for values in wanted.values() for value in values}
    log: Log = {}
    with closing(KafkaLogReader(settings.kafka_bootstrap, (ACCOUNTS, FOLLOWS, TWEETS))) as reader:
        for (topic, partition), end in reader.end_offsets((ACCOUNTS, FOLLOWS, TWEETS)).items():
            at, values = 0, list[bytes]()
            while at < end and (batch := reader.read(topic, partition, at, 10_000)):
                values += [value for value in batch.values if value in ours]
                at = batch.next_offset
            if values:
                log[topic, partition] = values
    return log


def test_killed_at_any_moment_it_goes_on_without_loss_and_in_order(settings: Settings, higgs_file: Path) -> None:
    dice = random.Random(14454)
    for _ in range(KILLS):
        with loading(higgs_file, settings) as process:
            assert process.stdout
            for _ in range(dice.randrange(1, 4)):
                process.stdout.readline()  # another chunk is taken
            process.kill()
    loaded(higgs_file, settings)
    wanted = planned(higgs_file, settings)
    log = found(wanted, settings)
    repeated = sum(map(len, log.values())) - sum(map(len, wanted.values()))
    assert 0 < repeated < KILLS * (CHUNKS_IN_FLIGHT + 1) * (EVENTS_PER_APPEND + 1), "nothing was killed half-way"
    assert {place: list(dict.fromkeys(values)) for place, values in log.items()} == wanted


def test_a_second_run_appends_nothing(settings: Settings, higgs_file: Path) -> None:
    assert loaded(higgs_file, settings) > ROWS
    wanted = planned(higgs_file, settings)
    assert found(wanted, settings) == wanted
    assert loaded(higgs_file, settings) == 0
    assert found(wanted, settings) == wanted


@pytest.fixture
def session(settings: Settings) -> Iterator[CqlSession]:
    with closing(CqlSession(settings, keyspace=keyspaces(settings).lwt)) as session:
        yield session


def owner(session: CqlSession, claim: Claim) -> int | None:
    rows = session.run("SELECT owner FROM claims WHERE key = ?", (claim.key,))
    return rows[0][0] if rows else None


def test_a_name_is_taken_once_and_a_repeat_changes_nothing(session: CqlSession) -> None:
    names, ours, retweet = ClusterNames(session), claims.username("Ada", 5), claims.retweet(5, 7, first_id_at(9))
    for _ in range(2):
        names.take([ours, retweet])
    with pytest.raises(ImportConflictError, match="username:ada is taken already"):
        names.take([claims.username("grace", 6), claims.username("ADA", 6)])
    assert [owner(session, claim) for claim in (ours, retweet)] == [5, first_id_at(9)]


def test_a_retweet_that_was_undone_stays_so_when_its_chunk_is_appended_again(session: CqlSession) -> None:
    names, retweet = ClusterNames(session), claims.retweet(5, 7, first_id_at(time.time_ns() // 1_000_000))
    names.take([retweet])
    [(undone, *_)] = session.run(
        "DELETE FROM claims WHERE key = ? IF owner = ?", (retweet.key, retweet.owner), idempotent=False
    )
    names.take([retweet])
    assert (undone, owner(session, retweet)) == (True, None)
