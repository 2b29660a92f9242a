"""Our own processes die, freeze, come, go and lose the network: the others go on, and nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from infra.servers.process import Process
from infra.servers.redis import operator_url
from tests.cluster.namespaces import Network, frozen
from tests.cluster.stage import SILENCE_SECONDS, seconds, system, told
from tests.cluster.trial import reached, trial
from tests.e2e.checks import check
from tests.e2e.crowd import gathered
from tests.e2e.system import Beside

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from infra.log.port import LogReader
    from tests.e2e.on_servers import SystemOnServers

__all__ = ["system", "told"]
pytestmark = pytest.mark.cluster

DOWN_SECONDS = 4.0
SESSION_SECONDS = 6.0  # after which Kafka deals out the partitions of a stream worker of which it hears nothing
STREAMS = ("streams", "all")


def both_go_on(told: dict[str, Any]) -> None:
    assert seconds(told, "commands silent") < SILENCE_SECONDS
    assert seconds(told, "queries silent") < SILENCE_SECONDS


@pytest.mark.parametrize("kind", ["commands", "query", "streams"])
def test_one_of_two_workers_is_killed(system: SystemOnServers, told: dict[str, Any], kind: str) -> None:
    async def kill() -> None:
        async with trial(system, f"one_{kind}", told.__setitem__) as made:
            made.begins()
            assert system.kill(f"{kind}-1") is not None
            made.heals()
            await made.goes_on(DOWN_SECONDS)

    asyncio.run(kill())
    both_go_on(told)


def test_queries_go_on_while_no_command_and_no_stream_process_runs(
    system: SystemOnServers, told: dict[str, Any]
) -> None:
    async def kill() -> None:
        async with trial(system, "all_but_query", told.__setitem__) as made:
            made.begins()
            for name in ("commands-1", "commands-2", "streams-1", "streams-2"):
                assert system.kill(name) is not None
            made.heals()
            await made.goes_on(DOWN_SECONDS)

    asyncio.run(kill())
    assert seconds(told, "queries silent") < SILENCE_SECONDS


def test_commands_go_on_while_no_query_process_runs(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill() -> None:
        async with trial(system, "no_query", told.__setitem__) as made:
            made.begins()
            for name in ("query-1", "query-2"):
                assert system.kill(name) is not None
            made.heals()
            await made.goes_on(DOWN_SECONDS)

    asyncio.run(kill())
    assert seconds(told, "commands silent") < SILENCE_SECONDS


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stream_worker_is_added_and_removed(
    system: SystemOnServers, told: dict[str, Any], how: signal.Signals
) -> None:
    async def add_and_remove() -> None:
        async with trial(system, f"added_{how.name.lower()}", told.__setitem__) as made:
            made.begins()
            with Beside(system, "streams-9", *STREAMS) as more:
                await asyncio.to_thread(more.wait_until_ready)
                await made.goes_on(DOWN_SECONDS)
                more.process.send_signal(how)
                await reached(lambda: more.process.poll() is not None)
                assert more.process.returncode == (0 if how is signal.SIGTERM else -how)
            made.heals()

    asyncio.run(add_and_remove())
    both_go_on(told)


def test_a_stream_worker_sleeps_through_its_session_and_wakes_up(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def sleep() -> None:
        async with trial(system, "asleep", told.__setitem__) as made:
            made.begins()
            with frozen(Process.of(system.children()["streams-1"])):
                await made.goes_on(2 * SESSION_SECONDS)
            made.heals()

    asyncio.run(sleep())
    both_go_on(told)


class Far:
    """The system as those reach it who use the processes that are cut off."""

    def __init__(self, system: SystemOnServers, commands: Beside, query: Beside) -> None:
        self.commands, self.query = commands.url, query.url
        self._system = system

    def log(self) -> AbstractContextManager[LogReader]:
        return self._system.log()


def test_one_process_of_each_kind_is_cut_off_from_everything(system: SystemOnServers, told: dict[str, Any]) -> None:
    with closing(Redis.from_url(operator_url(system.fleet["redis"]))) as redis:
        redis.config_set("protected-mode", "no")  # who comes by the cable has no loopback address
    with Network() as network:
        where: dict[str, Any] = {"within": network.entrance, "host": network.address}
        with (
            Beside(system, "commands-9", "commands", **where) as commands,
            Beside(system, "query-9", "query_api", **where) as query,
            Beside(system, "streams-9", *STREAMS, **where) as streams,
        ):
            for process in (commands, query, streams):
                process.wait_until_ready()
            asyncio.run(cut(system, Far(system, commands, query), network, told))


async def cut(system: SystemOnServers, far: Far, network: Network, told: dict[str, Any]) -> None:
    async with trial(system, "near", told.__setitem__) as made, gathered(far, "far", pause=0.25) as cut_off:
        await reached(lambda: len(cut_off.commands.good) > 20)
        made.begins()
        network.cut()
        await made.goes_on(2 * SESSION_SECONDS)
        network.heal()
        made.heals()
        await reached(lambda: cut_off.commands.first_after(made.healed) is not None)
        await reached(lambda: cut_off.queries.first_after(made.healed) is not None)
        told["cut off: command after"] = round(cut_off.commands.first_after(made.healed) or 0.0, 1)
        told["cut off: query after"] = round(cut_off.queries.first_after(made.healed) or 0.0, 1)
    await check(cut_off)
    both_go_on(told)
