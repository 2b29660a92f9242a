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
from tests.cluster.faults.trial import both_go_on, commands_go_on, queries_go_on, reached, trial
from tests.cluster.namespaces import Network, frozen
from tests.e2e.checks import check
from tests.e2e.crowd import gathered
from tests.e2e.system import Beside

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from infra.log.port import LogReader
    from tests.cluster.faults.trial import Trial
    from tests.e2e.on_servers import SystemOnServers

pytestmark = pytest.mark.cluster

DOWN_SECONDS = 4.0
SESSION_SECONDS = 6.0  # after which Kafka deals out the partitions of a stream worker of which it hears nothing
KINDS = ("commands", "query", "streams")
STREAMS = ("streams", "all")


def test_one_of_two_workers_of_each_kind_is_killed(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill() -> None:
        async with trial(system, "one", told) as made:
            for kind in KINDS:
                async with made.fault(kind) as fault:
                    assert system.kill(f"{kind}-1") is not None
                    fault.heals()
                    await fault.goes_on(DOWN_SECONDS)

    asyncio.run(kill())
    both_go_on(told, *KINDS)


def test_each_api_goes_on_while_no_process_of_the_others_runs(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def kill_all(made: Trial, name: str, *kinds: str) -> None:
        async with made.fault(name) as fault:
            for kind in kinds:
                for number in (1, 2):
                    assert system.kill(f"{kind}-{number}") is not None
            fault.heals()
            await fault.goes_on(DOWN_SECONDS)

    async def kill() -> None:
        async with trial(system, "all_of", told) as made:
            await kill_all(made, "no query", "query")
            await kill_all(made, "all but query", "commands", "streams")

    asyncio.run(kill())
    commands_go_on(told, "no query")
    queries_go_on(told, "all but query")


def test_stream_workers_are_added_and_removed(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def remove(worker: Beside, how: signal.Signals) -> None:
        worker.process.send_signal(how)
        await reached(lambda: worker.process.poll() is not None)
        assert worker.process.returncode == (0 if how is signal.SIGTERM else -how)

    async def add_and_remove() -> None:
        async with trial(system, "added", told) as made:
            with Beside(system, "streams-8", *STREAMS) as one, Beside(system, "streams-9", *STREAMS) as other:
                async with made.fault("added") as fault:
                    for worker in (one, other):
                        await asyncio.to_thread(worker.wait_until_ready)
                    fault.heals()
                    await fault.goes_on(DOWN_SECONDS)
                async with made.fault("asked to stop"):
                    await remove(one, signal.SIGTERM)
                async with made.fault("killed"):
                    await remove(other, signal.SIGKILL)

    asyncio.run(add_and_remove())
    both_go_on(told, "added", "asked to stop", "killed")


def test_a_stream_worker_sleeps_through_its_session_and_wakes_up(system: SystemOnServers, told: dict[str, Any]) -> None:
    async def sleep() -> None:
        async with trial(system, "asleep", told) as made, made.fault("asleep") as fault:
            with frozen(Process.of(system.children()["streams-1"])):
                await fault.goes_on(2 * SESSION_SECONDS)

    asyncio.run(sleep())
    both_go_on(told, "asleep")


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
    async with trial(system, "near", told) as made, gathered(far, "far", pause=0.25) as cut_off:
        await reached(lambda: len(cut_off.commands.good) > 20)
        async with made.fault("cut") as fault:
            network.cut()
            await fault.goes_on(2 * SESSION_SECONDS)
            network.heal()
        for name, answers in (("command", cut_off.commands), ("query", cut_off.queries)):
            await reached(lambda answers=answers: answers.first_after(fault.healed) is not None)  # type: ignore[misc]
            told[f"cut off: {name} after"] = round(answers.first_after(fault.healed) or 0.0, 1)
    await check(cut_off)
    both_go_on(told, "cut")
