"""Token buckets by caller: each holds one minute's worth and is one number (GCRA, ITU-T I.371).

The number is the time at which the bucket would be full again. Memory is bounded: the caller who has been silent
longest is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict

CALLERS_KEPT = 100_000  # about 15 MB a bucket
MINUTE_S = 60.0
_ROUNDING_S = 1e-6
SLACK_SHARE = 16


class Buckets:
    """Buckets of one size. `slack`: so many tokens a process may hand out before the others have heard of them."""

    def __init__(self, name: str, per_minute: int, *, exact: bool = False) -> None:
        self.name = name
        self.per_minute = per_minute
        self.interval_s = MINUTE_S / per_minute
        self.slack = 0 if exact else per_minute // SLACK_SHARE
        self.policy = f'"{name}";q={per_minute};w={MINUTE_S:.0f}'.encode()
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def after(self, caller: object, now: float) -> float:
        """Return in how many seconds the bucket would be full, had one more token been taken."""
        full_at = self._full_at.get(caller, now)
        return (full_at - now if full_at > now else 0.0) + self.interval_s

    def take(self, caller: object, now: float, full_in_s: float) -> None:
        """Let the bucket be full in so many seconds: what `after` has returned."""
        self._full_at[caller] = now + full_in_s
        self._full_at.move_to_end(caller)
        if len(self._full_at) > CALLERS_KEPT:
            self._full_at.popitem(last=False)

    def learn(self, caller: object, now: float, full_in_s: float) -> None:
        """Take note of what others have taken; what is known already stays."""
        if full_in_s > 0 and now + full_in_s > self._full_at.get(caller, now):
            self.take(caller, now, full_in_s)

    def remaining(self, full_in_s: float) -> int:
        """Return how many tokens are left in a bucket that is full in so many seconds."""
        return max(0, int((MINUTE_S - full_in_s + _ROUNDING_S) / self.interval_s))


def wait_s(full_in_s: float) -> float:
    """Return how long whoever wants a token has to wait: 0, where `after` says that there is one."""
    return full_in_s - MINUTE_S if full_in_s > MINUTE_S + _ROUNDING_S else 0.0
