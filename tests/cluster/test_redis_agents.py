"""Several writers over different partitions and primaries, some of them killed: the list is that of the definition."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span, TopicPartition
from infra.servers import running
from infra.servers.redis import operator_url
from projections.home_timeline.projector import project
from projections.home_timeline.redis import RedisHomeTimelineStore
from projections.home_timeline.redis_reader import RedisHomeTimelineReader
from tests.builders import deleted, followed, posted, signed_in
from tests.cluster import redis_agent
from tests.cluster.redis_agent import SHARDS, parts_of
from tests.property.test_pushed_equals_pulled import POLICIES, USERS, Choice, Policy, choices, defined, history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.redis_primaries import Command
    from infra.servers import Fleet
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
NAMES = ("redis", "redis-2", "redis-3")


@pytest.fixture(scope="module")
def own_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Path]]:
    folder = tmp_path_factory.mktemp("primaries")
    with running(NAMES, folder) as fleet:
        yield fleet, folder


@pytest.fixture
def three(own_fleet: tuple[Fleet, Path]) -> Fleet:
    """Three empty primaries, running whatever the last test did to them."""
    fleet, _ = own_fleet
    fleet.start(*NAMES)
    empty(fleet)
    return fleet


def empty(fleet: Fleet, *names: str) -> None:
    for name in names or NAMES:
        with closing(redis.Redis.from_url(operator_url(fleet[name]))) as client:
            client.flushall()


def urls_of(fleet: Fleet, setting: str = "redis_urls") -> list[str]:
    return fleet.settings()[setting].split(",")


def open_store(fleet: Fleet, policy: Policy = POLICIES["pushed"]) -> RedisHomeTimelineStore:
    return RedisHomeTimelineStore(urls_of(fleet), "log", shards=SHARDS, chunk_pushes=3, **policy._asdict())


def assert_everybody_sees_what_is_defined(fleet: Fleet, said: Sequence[Event], page_size: int = 50) -> None:
    with closing(RedisHomeTimelineReader(urls_of(fleet, "redis_query_urls"), shards=SHARDS)) as reader:
        for viewer in {*USERS, *redis_agent.SOME_USERS}:
            ids: list[int] = []
            while page := reader.page(viewer, ids[-1] if ids else None, page_size):
                ids += page
            assert ids == defined(viewer, said), viewer
        assert reader.checkpoints() == {place: len(part) for place, part in parts_of(said).items()}


@pytest.mark.parametrize("name", ["pushed", "short timelines and celebrities", "readers lapse after a day"])
def test_the_order_in_which_writers_work_does_not_show(name: str, three: Fleet) -> None:
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(choices, min_size=40, max_size=60), order=st.randoms(), page_size=st.integers(3, 9))
    def law(steps: list[Choice], order: random.Random, page_size: int) -> None:
        said = list(history(steps))
        parts = parts_of(said)
        empty(three)
        with ExitStack() as opened:
            stores = [opened.enter_context(closing(open_store(three, POLICIES[name]))) for _ in range(2)]
            done = dict.fromkeys(parts, 0)
            while left := [it for it in parts if done[it] < len(parts[it])]:
                place, store = order.choice(left), order.choice(stores)
                end = min(done[place] + order.randint(1, 20), len(parts[place]))
                store.apply(project(parts[place][done[place] : end]), Span(*place, done[place], end))
                done[place] = end
        assert_everybody_sees_what_is_defined(three, said, page_size)

    law()


def test_what_is_deleted_while_a_timeline_is_filled_is_not_in_it(three: Fleet) -> None:
    posts, gone = TopicPartition("tweets", 0), deleted(1, 10)
    with closing(open_store(three)) as filling, closing(open_store(three)) as deleting:
        deleting.apply(project([posted(1, 10), posted(1, 11)]), Span(*posts, 0, 2))
        filling.apply(project([signed_in(2)]), Span("accounts", 0, 0, 1))
        run = filling._fills._run

        def run_beside(commands: Sequence[Command]) -> list[Any]:
            answers = run(commands)
            if commands and commands[0].words[0] == "ZRANGE":
                deleting.apply(project([gone]), Span(*posts, 2, 3))
            return answers

        filling._fills._run = run_beside
        filling.apply(project([followed(2, 1)]), Span("follows", 0, 0, 1))
    entries = []
    for name in NAMES:
        with closing(redis.Redis.from_url(operator_url(three[name]))) as client:
            keys: Any = client.keys("*:home:*")
            entries += [int.from_bytes(it[:8], "big") for key in keys for it in client.lrange(key, 0, -1)]
            assert not client.keys("*:retracted:*")
    assert entries == [11]


def started_agent(fleet: Fleet, number: int, batch: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", redis_agent.__name__, ",".join(urls_of(fleet)), str(number), str(batch)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_agents_and_a_primary_that_are_killed_leave_nothing_out_and_nothing_twice(three: Fleet) -> None:
    rng = random.Random(5)
    agents = [started_agent(three, number, 30) for number in range(redis_agent.AGENTS)]
    for kill in range(9):
        number = kill % redis_agent.AGENTS
        agent = agents[number]
        assert agent.stdout is not None
        for _ in range(rng.randint(1, 12)):
            agent.stdout.readline()  # nothing at its end
        if kill == 4:
            three.kill("redis-2")
            three.start("redis-2")
        with agent:
            agent.kill()
        agents[number] = started_agent(three, number, rng.randint(7, 60))
    for number, agent in enumerate(agents):
        agent.communicate(timeout=60)
        if agent.returncode:  # it met the killed primary, and says so instead of waiting
            redis_agent.write(urls_of(three), number, 50)
    assert_everybody_sees_what_is_defined(three, redis_agent.events())


def test_a_primary_that_lost_its_last_second_is_brought_up_to_the_others(
    three: Fleet, own_fleet: tuple[Fleet, Path], tmp_path: Path
) -> None:
    data = own_fleet[1] / "redis-2" / "data"
    said = redis_agent.events()
    three.stop("redis-2")
    three.start("redis-2")
    for number in range(redis_agent.AGENTS):
        redis_agent.write(urls_of(three), number, 100, most=700)
    three.stop("redis-2")
    shutil.copytree(data, tmp_path / "then")
    three.start("redis-2")
    for number in range(redis_agent.AGENTS):
        redis_agent.write(urls_of(three), number, 100, most=900)
    three.kill("redis-2")
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "then", data)
    three.start("redis-2")
    for number in range(redis_agent.AGENTS):
        redis_agent.write(urls_of(three), number, 64)
    assert_everybody_sees_what_is_defined(three, said)
