"""Counts requests for all processes in Redis: a key a bucket, one script for all that is counted at once.

A key holds when its bucket would be full, in microseconds by Redis's own clock, and is gone by then. A call is one
script a primary, sent to all of them at once. NOTE: where an account's bucket and its address's are on different
primaries, a request that one of them refuses is counted in the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from redis.exceptions import NoScriptError

from infra import bridge
from infra.http.buckets import MINUTE_S
from infra.http.shared_limits import Counted, SharedLimits
from infra.redis_primaries import Command, Primaries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from infra.http.shared_limits import Claim

PREFIX = "limit:"
LIMITER_SECONDS = 0.25  # then a process counts by itself
MOST_DEBT_US = 60_000_000  # beyond a whole bucket nobody owes anything

SCRIPT = f"""
local told = redis.call('TIME')
local now = told[1] * 1000000 + told[2]
local given = tonumber(ARGV[1])
local full = {{}}
for i, key in ipairs(KEYS) do
  local at = tonumber(redis.call('GET', key) or now)
  if at < now then at = now end
  full[i] = math.min(at + ARGV[2 * i] * ARGV[2 * i + 1], now + {MINUTE_S * 1e6 + MOST_DEBT_US:.0f})
  if full[i] + ARGV[2 * i + 1] - now > {MINUTE_S * 1e6:.0f} then given = 0 end
end
local answer = {{given}}
for i, key in ipairs(KEYS) do
  local left = full[i] + given * ARGV[2 * i + 1] - now
  if left > 0 then redis.call('SET', key, string.format('%.0f', now + left), 'PX', math.ceil(left / 1000)) end
  answer[i + 1] = math.floor(left)
end
return answer
"""


def opened(urls: str, opening: ExitStack) -> SharedLimits | None:
    """Return the limits that a process shares with all others, where a Redis is named; closed with the stack."""
    if not urls:
        return None
    counting = RedisLimits(urls.split(","))
    opening.callback(counting.close)
    return SharedLimits(counting, bridge.bridged)


class RedisLimits:
    """Counts on the primaries."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._primaries = Primaries(urls, seconds=LIMITER_SECONDS)
        self._script = ""

    def count(self, claims: Sequence[Claim], *, wanted: bool) -> Counted:
        """Take tokens, see infra.http.shared_limits; raises StoreError."""
        by_primary: dict[int, list[int]] = {}
        for at, claim in enumerate(claims):
            by_primary.setdefault(crc32(claim.caller.encode()) % self._primaries.count, []).append(at)
        commands = [
            Command(primary, self._words([claims[at] for at in mine], wanted=wanted))
            for primary, mine in by_primary.items()
        ]
        given, full_in_s = True, [0.0] * len(claims)
        for mine, (was_given, *left_us) in zip(by_primary.values(), self._run(commands), strict=True):
            given = given and bool(was_given)
            for at, microseconds in zip(mine, left_us, strict=True):
                full_in_s[at] = microseconds / 1e6
        return Counted(given, full_in_s)

    def _words(self, claims: Sequence[Claim], *, wanted: bool) -> tuple[object, ...]:
        keys = [f"{PREFIX}{claim.bucket}:{claim.caller}" for claim in claims]
        figures = [figure for claim in claims for figure in (claim.taken, round(claim.interval_s * 1e6))]
        return ("EVALSHA", self._script, len(keys), *keys, int(wanted), *figures)

    def _run(self, commands: list[Command]) -> list[list[int]]:
        try:
            if self._script:
                return self._primaries.run(commands)
        except NoScriptError:
            pass  # it has been started anew
        self._script = self._primaries.load(SCRIPT)
        named = [command._replace(words=("EVALSHA", self._script, *command.words[2:])) for command in commands]
        return self._primaries.run(named)

    def close(self) -> None:
        """Close the connections."""
        self._primaries.close()
