"""What several processes count together, over a counter in memory that keeps to the port."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY

from infra.http import shared_limits
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, RateLimits
from infra.http.shared_limits import Counted, SharedLimits
from infra.projections import StoreUnavailableError
from infra.settings import Settings
from tests.waiting import soon

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from infra.http.shared_limits import Claim

LIMIT = 160
SLACK = LIMIT // 16


class Memory:
    """Counts in memory; time stands still."""

    def __init__(self) -> None:
        self.full: dict[str, float] = {}
        self.calls = 0
        self.away = False

    def count(self, claims: Sequence[Claim], *, wanted: bool) -> Counted:
        self.calls += 1
        if self.away:
            raise StoreUnavailableError("away")
        names = [f"{it.bucket}:{it.caller}" for it in claims]
        for name, it in zip(names, claims, strict=True):
            self.full[name] = self.full.get(name, 0.0) + it.taken * it.interval_s
        given = wanted and all(
            self.full[name] + it.interval_s <= 60 + 1e-6 for name, it in zip(names, claims, strict=True)
        )
        for name, it in zip(names, claims, strict=True):
            self.full[name] += it.interval_s * given
        return Counted(given, [self.full[name] for name in names])


class Process:
    """The limits of one process; `now` is its clock."""

    def __init__(self, memory: Memory, **settings: Any) -> None:
        self.now = 0.0
        shared = SharedLimits(memory, _await, lambda: self.now)
        chosen = Settings(**{"rate_limit_writes_per_minute": LIMIT, "rate_limit_auth_per_minute": 4, **settings})
        self.limits = RateLimits(chosen, lambda: self.now, shared)
        self.shared = shared

    def lets_in(self, rate_class: RateClass = RateClass.WRITE, user_id: int = 7, address: str = "192.0.2.1") -> bool:
        try:
            self.limits.check(rate_class, {"type": "http", "client": (address, 1), "headers": []}, user_id)
        except Problem:
            return False
        return True


async def _await(work: Any) -> None:
    await work


async def test_a_strict_limit_holds_to_the_request_over_many_processes() -> None:
    memory = Memory()
    processes = [Process(memory) for _ in range(3)]
    told = [processes[number % 3].lets_in(RateClass.AUTH) for number in range(8)]
    assert told == [True] * 4 + [False] * 4


async def test_a_process_asks_only_beyond_what_it_may_hand_out_unheard() -> None:
    memory = Memory()
    process = Process(memory)
    assert all(process.lets_in() for _ in range(SLACK))
    assert memory.calls == 0
    assert process.lets_in()
    assert memory.calls == 1
    assert round(memory.full["write:7"] / 60 * LIMIT) == SLACK + 1  # what was unheard went along


async def test_over_many_processes_no_more_than_their_slack_comes_on_top() -> None:
    memory = Memory()
    processes = [Process(memory) for _ in range(4)]
    let_in = sum(processes[number % 4].lets_in() for number in range(3 * LIMIT))
    assert LIMIT <= let_in <= LIMIT + 3 * SLACK


async def test_what_was_taken_is_reported_and_what_others_took_is_learnt() -> None:
    memory = Memory()
    first, second = Process(memory), Process(memory)
    for user in range(100, 100 + LIMIT):
        assert first.lets_in(user_id=user)  # each its first
    await soon(lambda: "write:100" in memory.full and not first.shared._unreported)
    calls = memory.calls
    memory.full["write:7"] = 60.0
    assert second.lets_in()  # not known yet
    await soon(lambda: memory.calls > calls and not second.shared._unreported)
    assert not second.lets_in()
    assert memory.calls == calls + 1  # refused without asking


async def test_without_the_counter_each_process_counts_and_says_so() -> None:
    memory = Memory()
    memory.away = True
    process = Process(memory)
    before = REGISTRY.get_sample_value("murmur_rate_limits_unshared_total") or 0
    told = [process.lets_in(RateClass.AUTH) for _ in range(6)]
    assert told == [True] * 4 + [False] * 2
    assert memory.calls == 1  # then nobody waits for it
    assert (REGISTRY.get_sample_value("murmur_rate_limits_unshared_total") or 0) == before + 4
    memory.away, process.now = False, shared_limits.AWAY_S + 30
    assert process.lets_in(RateClass.AUTH)
    assert memory.calls == 2


async def test_a_flood_of_callers_takes_no_memory_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "UNREPORTED_KEPT", 50)
    process = Process(Memory())
    for number in range(100):
        process.lets_in(user_id=number, address=f"10.0.0.{number}")
    assert len(process.shared._unreported) <= 50 + 1
    await asyncio.sleep(0)
