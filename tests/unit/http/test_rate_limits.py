from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.http import rate_limits
from infra.http.rate_limits import Buckets


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_sees_more_than_a_full_bucket_and_what_flows_in(per_minute: int, pauses: list[float]) -> None:
    now = 0.0
    buckets = Buckets(per_minute, lambda: now)
    taken = []
    for pause in pauses:
        now += pause
        if not buckets.take("ada"):
            taken.append(now)
    for first in taken:
        assert sum(first <= at < first + 60 for at in taken) <= 2 * per_minute


@given(st.integers(1, 50), st.integers(0, 20))
def test_whoever_waits_as_long_as_told_is_let_in(per_minute: int, more: int) -> None:
    now = 0.0
    buckets = Buckets(per_minute, lambda: now)
    assert [buckets.take("ada") for _ in range(per_minute)] == [0.0] * per_minute
    for _ in range(more):
        wait_s = buckets.take("ada")
        assert 0 < wait_s <= 60 / per_minute + 1e-6
        assert buckets.take("bob") == 0 or per_minute <= more
        now += wait_s
        assert buckets.take("ada") == 0.0


def test_memory_is_bounded() -> None:
    now = 0.0
    buckets = Buckets(1, lambda: now)
    for caller in range(rate_limits.CALLERS_KEPT + 100):
        buckets.take(caller)
    assert len(buckets._full_at) == rate_limits.CALLERS_KEPT
