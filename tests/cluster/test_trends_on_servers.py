"""Trends over CQL say what they say over SQLite, whoever dies where; and two who count at a time list what both reach.

Each trial has a day, accounts and log partitions of its own, so that all of them use the same tables.
"""

from __future__ import annotations

from contextlib import closing
from itertools import count
from random import Random
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from infra.cql.projection_tables import create
from infra.log.port import Span, TopicPartition
from infra.places import WORLD
from infra.projections import StoreUnavailableError, placed
from projections.trends import projector
from projections.trends.cql import CqlTrendsStore
from projections.trends.cql_reader import CqlTrendsReader
from projections.trends.read_model import DAY_MS, HOUR_MS, STEP_MS, TrendsReader, Volume
from projections.trends.sqlite import SqliteTrendsReader, SqliteTrendsStore
from tests.builders import posted
from tests.cluster.test_cql_rows import DyingSession
from tests.conftest import settings_of
from tests.cql_keyspaces import migrated
from tests.histories import BRITAIN, LONDON

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.cql.session import CqlSession
    from infra.servers import Fleet
    from schemas.tweets.events import TweetPosted

pytestmark = pytest.mark.cluster

LOG_ID = "a-log"
MIDNIGHT = 20_000 * DAY_MS
CALLS = 70  # at most, of a process that is killed: a trial takes some 100 statements and messages
trials = count(1)


class Trial(NamedTuple):
    """Its first day, and the records of two partitions."""

    number: int
    day_ms: int
    log: tuple[Sequence[TweetPosted], Sequence[TweetPosted]]


def a_trial(random: Random) -> Trial:
    """Six accounts around midnight: they repeat themselves, move, and are logged twice."""
    number = next(trials)
    day_ms = MIDNIGHT + 3 * number * DAY_MS
    log: tuple[list[TweetPosted], list[TweetPosted]] = ([], [])
    at_ms = day_ms + DAY_MS - HOUR_MS
    for at in range(40):
        at_ms += random.randrange(10 * 60_000)
        author = random.randrange(6)
        tweet = posted(1_000 * number + author, 1_000_000 * number + at, at_ms=at_ms)
        tags = random.sample(("tea", "milk", "rain"), random.randrange(1, 4))
        place = random.choice((WORLD, LONDON, BRITAIN))
        said = msgspec.structs.replace(tweet, hashtags=tags, place=place)
        log[author % 2].extend([said] * random.choice((1, 1, 1, 2)))
    return Trial(number, day_ms, log)


def deliver(store: CqlTrendsStore, trial: Trial, size: int, random: Random) -> None:
    """Apply what the store has not applied yet, in portions, as a consumer does that starts at the checkpoints."""
    project, places = placed(projector.project), [TopicPartition("tweets", 2 * trial.number + of) for of in (0, 1)]
    done = [store.checkpoints().get(place, 0) for place in places]
    while waiting := [of for of in (0, 1) if done[of] < len(trial.log[of])]:
        of = random.choice(waiting)
        end = min(done[of] + size, len(trial.log[of]))
        store.apply(project(trial.log[of][done[of] : end]), Span(*places[of], done[of], end))
        done[of] = end


def told(reader: TrendsReader, trial: Trial) -> Any:
    """Everything that a reader says of a trial."""
    day_ms, topics = trial.day_ms, ["tea", "milk", "rain"]
    until_ms = day_ms + 3 * DAY_MS
    begins = range(day_ms + DAY_MS - 2 * HOUR_MS, day_ms + DAY_MS + 7 * HOUR_MS, STEP_MS)
    return [
        [
            [reader.window(place, began, 9) for began in begins],
            [reader.hours(place, topics, began, until_ms) for began in begins[:4]],
            reader.days(place, topics, day_ms, until_ms),
            [reader.top_of_day(place, day_ms + day * DAY_MS, "authors", 9) for day in (0, 1)],
        ]
        for place in (WORLD, LONDON, BRITAIN)
    ]


def over_sqlite(trial: Trial, folder: Path) -> Any:
    path = folder / f"{trial.number}.db"
    with closing(SqliteTrendsStore(path, LOG_ID)) as store, closing(SqliteTrendsReader(path)) as reader:
        for of, log in enumerate(trial.log):
            store.apply(projector.project(log), Span("tweets", of, 0, len(log)))
        return told(reader, trial)


@pytest.fixture(scope="module")
def session(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CqlSession]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")
    with migrated(settings, "trends") as session:
        create(session, CqlTrendsStore)
        yield session


def test_writers_killed_anywhere_are_followed_by_one_who_finishes(session: CqlSession, tmp_path: Path) -> None:
    reader, deaths = CqlTrendsReader(session), 0
    for seed in range(8):
        random = Random(seed)
        trial = a_trial(random)
        for _ in range(3):
            dying: Any = DyingSession(session, random.randrange(4, CALLS), random)
            try:
                deliver(CqlTrendsStore(dying, LOG_ID), trial, random.choice((3, 11, 50)), random)
            except StoreUnavailableError:
                deaths += 1
        deliver(CqlTrendsStore(session, LOG_ID), trial, random.choice((2, 7, 50)), random)
        assert told(reader, trial) == over_sqlite(trial, tmp_path), seed
    assert deaths > 8


def test_topics_are_listed_by_what_two_have_counted_at_a_time(session: CqlSession) -> None:
    """Neither of the two has two authors of any topic; both together have."""
    number = next(trials)
    at_ms = MIDNIGHT + 3 * number * DAY_MS
    topics = [f"both{n}" for n in range(25)]
    together = Barrier(2)

    def say(of: int) -> None:
        store, project = CqlTrendsStore(session, LOG_ID), placed(projector.project)
        for at, topic in enumerate(topics):
            tweet = posted(1_000 * number + of, 1_000_000 * number + 100 * of + at, at_ms=at_ms)
            together.wait(30)
            span = Span("tweets", 2 * number + of, at, at + 1)
            store.apply(project([msgspec.structs.replace(tweet, hashtags=[topic])]), span)

    threads = [Thread(target=say, args=(of,), daemon=True) for of in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    listed = CqlTrendsReader(session).window(WORLD, at_ms, 99)
    assert listed == [Volume(topic, 2, 2) for topic in sorted(topics)]
