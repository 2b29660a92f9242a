"""The small parts of replay: moments, samples, throttles, and who builds what."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log import embedded
from infra.log.port import Record, TopicPartition
from infra.trouble import TroubleError
from schemas.codec import encode, topic_and_key
from schemas.ids import to_uuid
from streams.projections import PROJECTIONS
from streams.replay.build import Throttle
from streams.replay.kinds import KINDS
from streams.replay.moments import moment
from streams.replay.options import user_id
from streams.replay.plan import estimates, records_of, shared_out
from streams.replay.sample import sample_of
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.log.embedded import EmbeddedLogReader

PARTITIONS = {topic: 1 for topics in embedded.PARTS.values() for topic in topics}
TWEETS = TopicPartition("tweets", 0)
NOW_MS = 1_000_000
ENDS = {TopicPartition(topic, 0): 1_000 for topic in ("accounts", "tweets", "follows", "engagements")}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLogReader]:
    """Ten tweets, a second apart."""
    embedded.ensure(tmp_path, PARTITIONS)
    events = [builders.posted(1, number, at_ms=number * 1000) for number in range(10)]
    with closing(embedded.open_appender(tmp_path, "facts", PARTITIONS)) as appender:
        asyncio.run(appender.append([Record(*topic_and_key(event), encode(event)) for event in events]))
    with closing(embedded.EmbeddedLogReader(tmp_path)) as reader:
        yield reader


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("0", 1),
        ("4999", 5),
        ("5000", 6),
        ("99999", 10),
        ("1970-01-01T00:00:03Z", 4),
        ("tweets/0:7", 7),
        ("tweets/0:99", 10),
    ],
)
def test_a_moment_is_an_end_of_each_partition(log: EmbeddedLogReader, text: str, end: int) -> None:
    assert moment(text, log, ("tweets",), NOW_MS).ends == {TWEETS: end}


def test_the_time_that_was_asked_for_is_kept(log: EmbeddedLogReader) -> None:
    assert moment("1970-01-01T00:00:03", log, ("tweets",), NOW_MS).at_ms == 3000
    assert moment("tweets/0:1", log, ("tweets",), NOW_MS).at_ms is None


def test_a_time_that_has_not_come_is_no_moment(log: EmbeddedLogReader) -> None:
    with pytest.raises(TroubleError, match=r"1970-01-01T00:16:40\.001Z has not come yet"):
        moment("1000001", log, ("tweets",), NOW_MS)


def test_a_time_is_read_to_the_millisecond(log: EmbeddedLogReader) -> None:
    assert moment("1970-01-01T00:00:08.003Z", log, ("tweets",), NOW_MS).at_ms == 8003


def test_a_sample_is_the_same_for_all_and_another_in_another_turn() -> None:
    sample, other = sample_of(10_000, 100_000, 100), sample_of(10_000, 100_000, 100, turn=1)
    users = {it for it in range(10_000) if sample.has_user(it)}
    assert 50 < len(users) < 200
    assert users != {it for it in range(10_000) if other.has_user(it)}
    assert 50 < sum(map(sample.has_tweet, range(100_000))) < 200
    everything = sample_of(10_000, 100_000, 0)
    assert all(map(everything.has_user, range(100)))


def test_a_throttle_lets_so_many_records_a_second_pass() -> None:
    now = [0.0]
    throttle = Throttle(100, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    for _ in range(50):
        throttle.passed(10)
    assert now[0] == pytest.approx(5.0)
    Throttle(0, sleep=lambda _: pytest.fail("it waits")).passed(10**9)


@pytest.mark.parametrize("processes", [1, 2, 3, 99])
def test_every_projection_is_built_by_one_process_and_none_has_far_more_to_do(processes: int) -> None:
    groups = shared_out(PROJECTIONS, KINDS, ENDS, processes)
    assert sorted(it.name for group in groups for it in group) == sorted(it.name for it in PROJECTIONS)
    assert len(groups) == min(processes, len(PROJECTIONS))
    assert all(groups)
    seconds = [it.seconds for it in estimates(PROJECTIONS, KINDS, ENDS, groups, {}, 6.0)]
    if processes < 4:
        assert max(seconds) < 3 * min(seconds)


def test_an_estimate_takes_the_size_that_is_there() -> None:
    groups = shared_out(PROJECTIONS, KINDS, ENDS, 1)
    by_name = {it.projection: it for it in estimates(PROJECTIONS, KINDS, ENDS, groups, {"tweets": 7}, 6.0)}
    tweets = next(it for it in PROJECTIONS if it.name == "tweets")
    assert (by_name["tweets"].bytes, by_name["tweets"].records) == (7, records_of(tweets, ENDS))
    assert by_name["graph"].bytes > 7


def test_an_account_is_named_as_the_api_does_or_by_its_number() -> None:
    assert user_id("7") == user_id(to_uuid(7)) == 7
    with pytest.raises(TroubleError):
        user_id("ada")


def test_each_file_is_read_by_the_version_that_writes_it() -> None:
    versions = {it.name: it.schema_version for it in PROJECTIONS}
    assert {name: kind.open_reader.SCHEMA_VERSION for name, kind in KINDS.items()} == versions
