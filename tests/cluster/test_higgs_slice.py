"""The first rows of the Higgs file through the cluster profile, loaded beside `murmur up`, entry by entry.

The checks are those of tests/load/test_higgs_full.py. MURMURATION_HIGGS_ROWS says how many rows (0: all, which takes
two cores most of an hour). Where the file is not there, rows that are made up stand in for it.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.cql.session import CqlSession
from infra.settings import Settings
from projections.accounts.cql import CqlAccountsReader
from projections.engagement.cql_reader import CqlEngagementReader
from projections.graph.cql import CqlGraphReader
from projections.tweets.cql_reader import CqlTweetsReader
from schemas.catalogue import FACT_TOPICS
from tests.e2e.on_servers import KEYSPACE, NAMES, SystemOnServers
from tests.higgs_checks import (
    Loaded,
    Readers,
    check_engagement,
    check_home_timelines,
    check_notifications,
    check_totals,
)
from tests.naive_higgs import NaiveHiggs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MURMURATION_DATA", ROOT.parent / "shared" / "data"))
HIGGS = DATA / "higgs-activity_time.txt.gz"
ROWS = int(os.environ.get("MURMURATION_HIGGS_ROWS", "600")) or None
LOAD_SECONDS = 240.0 if ROWS else 7_200.0
USERS, BUSY_USERS = 100, 10
MADE_ROWS = 2_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if HIGGS.exists():
        return HIGGS
    dice, path = random.Random(4), tmp_path_factory.mktemp("higgs") / "rows.txt"
    people = [int(dice.paretovariate(0.6)) % 700 for _ in range(2 * MADE_ROWS)]
    rows = zip(people[::2], people[1::2], range(MADE_ROWS), strict=True)
    kinds = ["RT", "RT", "RT", "MT", "RE"]
    path.write_text("".join(f"{a} {b} {1_341_100_972 + at // 3} {dice.choice(kinds)}\n" for a, b, at in rows))
    return path


@pytest.fixture(scope="module")
def system(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemOnServers]:
    fleet.start(*(name for name in NAMES if not fleet.alive(name)))
    with SystemOnServers(fleet, tmp_path_factory.mktemp("higgs") / "data") as system:
        yield system


@pytest.fixture(scope="module")
def loaded(system: SystemOnServers, file: Path) -> Loaded:
    limit = ["--limit", str(ROWS)] if ROWS else []
    done = system.murmur("load", "higgs", str(file), *limit, "--active", "--json", timeout=LOAD_SECONDS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["phase"] == "done"
    with system.log() as log:
        return Loaded.read(log)


@pytest.fixture(scope="module")
def naive(file: Path) -> NaiveHiggs:
    return NaiveHiggs.read(file, ROWS)


@pytest.fixture(scope="module")
def readers(system: SystemOnServers, loaded: Loaded) -> Iterator[Readers]:
    del loaded  # read only after it
    settings = Settings.model_validate({"cassandra_keyspace": KEYSPACE, **system.told})
    with closing(CqlSession(settings)) as session:
        classes = (CqlAccountsReader, CqlGraphReader, CqlTweetsReader, CqlEngagementReader)
        yield Readers(*(reader(session) for reader in classes))


def test_every_account_follow_and_tweet_is_there(loaded: Loaded, naive: NaiveHiggs, readers: Readers) -> None:
    check_totals(loaded, naive, readers)


def test_engagement_is_counted_exactly(loaded: Loaded, naive: NaiveHiggs, readers: Readers) -> None:
    check_engagement(loaded, naive, readers)


def test_home_timelines_equal_the_naive_recomputation(
    system: SystemOnServers, loaded: Loaded, naive: NaiveHiggs
) -> None:
    check_home_timelines(loaded, naive, system.data / "keys", system.query, USERS, BUSY_USERS)


def test_notifications_equal_the_naive_recomputation(
    system: SystemOnServers, loaded: Loaded, naive: NaiveHiggs
) -> None:
    check_notifications(loaded, naive, system.data / "keys", system.query, USERS, BUSY_USERS)


def test_a_second_load_changes_nothing(system: SystemOnServers, loaded: Loaded, file: Path) -> None:
    del loaded
    limit = ["--limit", str(ROWS)] if ROWS else []
    with system.log() as log:
        before = log.end_offsets(FACT_TOPICS)
        done = system.murmur("load", "higgs", str(file), *limit, "--active", timeout=LOAD_SECONDS)
        assert (done.returncode, done.stdout[:14]) == (0, "already loaded")
        assert log.end_offsets(FACT_TOPICS) == before
