"""Home timelines on a real Redis: the law of pushed and pulled, and what is left after kills."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span, TopicPartition
from infra.projections import RejectedWriteError, StoreError, StoreUnavailableError, WrongSpanError
from infra.redis_primaries import Command, Primaries
from infra.servers import running
from infra.servers.redis import operator_url
from projections.home_timeline.projector import AddFollow, project
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_layout import Layout
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from tests.builders import followed, posted, signed_in
from tests.cluster import redis_writer
from tests.cluster.redis_writer import PARTITION, READERS, SHARDS, TWEETS, events, open_store
from tests.property.test_pushed_equals_pulled import POLICIES, USERS, Choice, Policy, choices, defined, history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.servers import Fleet
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A Redis of one's own, to be emptied and killed."""
    with running(("redis",), tmp_path_factory.mktemp("redis")) as fleet:
        yield fleet


@pytest.fixture
def urls(fleet: Fleet) -> str:
    """Where it is, empty and running whatever the last test did to it; for whom everything is allowed."""
    fleet.start("redis")
    found = operator_url(fleet["redis"])
    with closing(redis.Redis.from_url(found)) as client:
        client.flushall()
    return found


def apply_in_batches(store: RedisHomeTimelineStore, said: Sequence[Event], size: int, at: int = 0) -> None:
    while at < len(said):
        batch = said[at : at + size]
        store.apply(project(batch), Span(*PARTITION, at, at + len(batch)))
        at += len(batch)


def shown(reader: RedisHomeTimelineReader, viewer: int, page_size: int) -> list[int]:
    ids: list[int] = []
    while page := reader.page(viewer, ids[-1] if ids else None, page_size):
        ids += page
    return ids


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_every_viewer_sees_the_list_of_the_definition(policy: Policy, urls: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        steps=st.lists(choices, min_size=40, max_size=120),
        batch=st.integers(1, 30),
        page_size=st.integers(1, 9),
        chunk=st.sampled_from((1, 2, 500)),
    )
    def law(steps: list[Choice], batch: int, page_size: int, chunk: int) -> None:
        said = list(history(steps))
        with closing(redis.Redis.from_url(urls)) as client:
            client.flushall()
        with (
            closing(RedisHomeTimelineStore([urls], "log", shards=3, chunk_pushes=chunk, **policy._asdict())) as store,
            closing(RedisHomeTimelineReader([urls], shards=3)) as reader,
        ):
            apply_in_batches(store, said, batch)
            apply_in_batches(store, said, batch + 1)  # comes again, cut otherwise
            for viewer in USERS:
                assert shown(reader, viewer, page_size) == defined(viewer, said)
            assert reader.checkpoints() == {PARTITION: len(said)}

    law()


def test_a_span_counts_once_and_leaves_no_gap(urls: str) -> None:
    said: list[Event] = [followed(2, 1), signed_in(2), posted(1, 10), posted(1, 11)]
    with closing(open_store(urls)) as store, closing(RedisHomeTimelineReader([urls], shards=SHARDS)) as reader:
        assert store.checkpoints() == {}
        apply_in_batches(store, said, 4)
        before = entries_of(urls)
        apply_in_batches(store, said, 2)
        assert entries_of(urls) == before
        assert reader.next_offset(*PARTITION) == 4
        with pytest.raises(WrongSpanError):
            store.apply([], Span(*PARTITION, 5, 6))
        with pytest.raises(RejectedWriteError):
            store.apply([AddFollow(1 << 63, 1)], Span(*PARTITION, 4, 5))
        assert store.checkpoints() == {PARTITION: 4}
    with pytest.raises(WrongSpanError):
        RedisHomeTimelineStore([urls], "another log", celebrity_followers=9, active_days=9, shards=SHARDS)


@pytest.mark.parametrize("shards", [1, SHARDS - 1, SHARDS + 1])
def test_a_reader_of_another_number_of_shards_says_so(urls: str, shards: int) -> None:
    with closing(open_store(urls)) as store, closing(RedisHomeTimelineReader([urls], shards=shards)) as reader:
        apply_in_batches(store, [followed(2, 1), signed_in(2), posted(1, 10)], 3)
        with pytest.raises(WrongSpanError, match=f"^home timelines are in {SHARDS} shards, redis_shards is {shards}$"):
            reader.checkpoints()


def test_a_writer_that_lost_its_partition_cannot_write(urls: str) -> None:
    with closing(open_store(urls)) as old, closing(open_store(urls)) as new:
        said: list[Event] = [followed(2, 1), signed_in(2), posted(1, 10), posted(1, 11)]
        apply_in_batches(old, said[:2], 2)
        apply_in_batches(new, said, 2, at=2)
        before = entries_of(urls)
        old.apply(project(said[2:3]), Span(*PARTITION, 2, 3))
        assert entries_of(urls) == before


def entries_of(urls: str) -> dict[bytes, list[bytes]]:
    """Every timeline as it stands, by key."""
    with closing(redis.Redis.from_url(urls)) as client:
        keys: Any = client.keys("*:home:*")
        return {key: client.lrange(key, 0, -1) for key in keys}


def assert_everything_is_there_once(urls: str) -> None:
    said = events()
    layout = Layout(SHARDS)
    with closing(RedisHomeTimelineReader(urls.split(","), shards=SHARDS)) as reader:
        assert reader.checkpoints() == {PARTITION: len(said)}
        for viewer in (1, 5, 6, 150, 300):
            assert shown(reader, viewer, 50) == defined(viewer, said)
    timelines = entries_of(urls)
    assert set(timelines) == {layout.of_user("home", reader) for reader in READERS}
    for entries in timelines.values():
        assert Counter(entries).most_common(1)[0][1] == 1
        assert len(entries) == TWEETS


def started_writer(urls: str, batch: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", redis_writer.__name__, urls, str(batch)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def followed_to(writer: subprocess.Popen[str], offset: int) -> bool:
    """Read what the writer says until it has come so far; False if it ended first."""
    assert writer.stdout is not None
    return any(int(line) >= offset for line in writer.stdout)


def test_every_entry_is_there_once_after_kills_of_the_writer(urls: str) -> None:
    first_tweet = len(events()) - TWEETS
    for kill, batch in enumerate((40, 17, 90, 33, 61)):
        with started_writer(urls, batch) as writer:
            assert followed_to(writer, first_tweet + 60 * kill)
            writer.kill()
    redis_writer.write(urls, 50)
    assert_everything_is_there_once(urls)


def test_a_kill_inside_an_audience_goes_on_behind_the_last_reader(urls: str) -> None:
    said = events()
    fan_out = len(said) - TWEETS
    with closing(open_store(urls)) as store:
        apply_in_batches(store, said[:fan_out], 500)
        calls = 0
        run = store._run

        def run_and_end(commands: Sequence[Command]) -> list[Any]:
            nonlocal calls
            calls += 1
            if calls == 40:
                raise StoreUnavailableError("cut")
            return run(commands)

        store._run = run_and_end  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailableError):
            store.apply(project(said[fan_out : fan_out + 70]), Span(*PARTITION, fan_out, fan_out + 70))
    redis_writer.write(urls, 23)
    assert_everything_is_there_once(urls)


def test_redis_killed_in_the_middle_goes_on_from_its_file(urls: str, fleet: Fleet) -> None:
    first_tweet = len(events()) - TWEETS
    with started_writer(urls, 40) as writer:
        assert followed_to(writer, first_tweet + 80)
        fleet.kill("redis")
        writer.wait(30)
    fleet.start("redis")
    redis_writer.write(urls, 70)
    assert_everything_is_there_once(urls)


def test_a_restart_loses_nothing_of_what_scripts_wrote(urls: str, fleet: Fleet) -> None:
    redis_writer.write(fleet.settings()["redis_urls"], 200)
    before = entries_of(urls)
    fleet.stop("redis")
    fleet.start("redis")
    assert entries_of(urls) == before
    assert_everything_is_there_once(urls)


def test_an_emptied_redis_is_rebuilt_from_the_log(urls: str) -> None:
    redis_writer.write(urls, 200)
    said = events()
    with closing(open_store(urls)) as store, closing(redis.Redis.from_url(urls)) as client:
        client.flushall()
        client.script_flush()
        with closing(RedisHomeTimelineReader([urls], shards=SHARDS)) as reader:
            assert reader.page(1, None, 20) == []
        with pytest.raises(WrongSpanError):
            store.apply([], Span(*PARTITION, len(said), len(said) + 1))
        assert store.checkpoints() == {}
    redis_writer.write(urls, 90)
    assert_everything_is_there_once(urls)


def test_a_full_redis_turns_writes_down_and_takes_them_later(urls: str) -> None:
    said = events()
    with closing(redis.Redis.from_url(urls)) as client, closing(open_store(urls)) as store:
        apply_in_batches(store, said[:1900], 500)
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(StoreUnavailableError):
                store.apply(project(said[1900:1950]), Span(*PARTITION, 1900, 1950))
        finally:
            client.config_set("maxmemory", "0")
        apply_in_batches(store, said, 50, at=1900)
    assert_everything_is_there_once(urls)


def test_the_reader_user_can_only_read_and_the_writer_user_suffices(urls: str, fleet: Fleet) -> None:
    redis_writer.write(fleet.settings()["redis_urls"], 300)
    reading = fleet.settings()["redis_query_urls"]
    with closing(RedisHomeTimelineReader([reading], shards=SHARDS)) as reader:
        assert len(reader.page(1, None, 20)) == 20
        assert reader.checkpoints() == {TopicPartition(*PARTITION): len(events())}
    forbidden: list[tuple[str, ...]] = [("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "dir"), ("KEYS", "*")]
    with closing(Primaries([reading])) as primaries:
        for words in (*forbidden, ("SET", "{0}:x:g1:", "1"), ("DEL", "{0}:home:g1:"), ("EVAL", "return 1", "0")):
            with pytest.raises(StoreError, match="NoPermission"):
                primaries.run([Command(0, words)])
    with closing(Primaries([fleet.settings()["redis_urls"]])) as primaries:
        for words in forbidden:
            with pytest.raises(StoreError, match="NoPermission"):
                primaries.run([Command(0, words)])
    with (
        closing(Primaries([urls.replace("operator:", "default:")])) as nobody,
        pytest.raises(StoreError, match="Authen"),
    ):
        nobody.run([Command(0, ("PING",))])
