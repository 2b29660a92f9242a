from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.http import buckets as module
from infra.http.buckets import Buckets, wait_s


def take(buckets: Buckets, caller: str, now: float) -> float:
    """Take a token; return 0, or how long there is to wait for one."""
    after = buckets.after(caller, now)
    if not wait_s(after):
        buckets.take(caller, now, after)
    return wait_s(after)


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_sees_more_than_a_full_bucket_and_what_flows_in(per_minute: int, pauses: list[float]) -> None:
    now, taken, buckets = 0.0, [], Buckets("write", per_minute)
    for pause in pauses:
        now += pause
        if not take(buckets, "ada", now):
            taken.append(now)
    for first in taken:
        assert sum(first <= at < first + 60 for at in taken) <= 2 * per_minute


@given(st.integers(1, 50), st.integers(0, 20))
def test_whoever_waits_as_long_as_told_is_let_in(per_minute: int, more: int) -> None:
    now, buckets = 0.0, Buckets("write", per_minute)
    for number in range(per_minute):
        assert buckets.remaining(buckets.after("ada", now)) == per_minute - number - 1
        assert take(buckets, "ada", now) == 0
    for _ in range(more):
        wait = take(buckets, "ada", now)
        assert 0 < wait <= 60 / per_minute + 1e-6
        now += wait
        assert take(buckets, "ada", now) == 0
    assert take(buckets, "bob", now) == 0


def test_memory_is_bounded() -> None:
    buckets = Buckets("write", 1)
    for caller in range(module.CALLERS_KEPT + 100):
        take(buckets, str(caller), 0.0)
    assert len(buckets._full_at) == module.CALLERS_KEPT


def test_what_others_took_counts_and_never_gives_anything_back() -> None:
    buckets = Buckets("write", 60)
    buckets.learn("ada", 0.0, 30.0)
    assert buckets.remaining(buckets.after("ada", 0.0)) == 29
    buckets.learn("ada", 0.0, 10.0)
    assert buckets.remaining(buckets.after("ada", 0.0)) == 29
