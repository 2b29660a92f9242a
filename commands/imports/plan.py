"""Turns a file's rows into events: pure and deterministic, so that an import can be stopped and gone on with anywhere.

A plan is a sequence of steps; a step is the events of one account, follow or row, and is appended as a whole. Ids come
from the events' own times, with a worker number that no other process uses. Accounts and follows come before the first
row, a millisecond each, so that lists ordered by time have one order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.envelope import Envelope, Event
from schemas.follows.events import Followed
from schemas.ids import MAX_WORKER, SnowflakeGenerator, unix_ms

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator

IMPORT_WORKER = MAX_WORKER

Step = tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """How the accounts of an import are made: their names' prefix, and whether each has just signed in."""

    prefix: str
    active: bool

    def username(self, number: int | str) -> str:
        """Return the name of the account that the file knows by a number, or a name."""
        return f"{self.prefix}_{number}"


class Ids:
    """Gives each event its id and envelope."""

    def __init__(self) -> None:
        self._generator = SnowflakeGenerator(IMPORT_WORKER, lambda: 0)

    def at(self, ms: int) -> int:
        """Return the next id at that time."""
        return self._generator.next_id_at(ms)


def envelope(event_id: int, actor_id: int) -> Envelope:
    """Return the envelope of an event whose id says its time."""
    return Envelope(event_id, unix_ms(event_id), actor_id)


def setup_steps(accounts: int, follows: int) -> int:
    """Return how many steps come before the first row: at one millisecond each, also how long they take."""
    return accounts + follows


def distinct_follows(followers: array[int], followees: array[int]) -> dict[int, None]:
    """Return the distinct pairs of two accounts, in order of appearance, each as follower << 32 | followee."""
    return {
        follower << 32 | followee: None
        for follower, followee in zip(followers, followees, strict=True)
        if follower != followee
    }


def account_steps(
    ids: Ids, audience: Audience, numbers: Iterable[int | str], start_ms: int
) -> Iterator[tuple[int, Step]]:
    """Yield the new account's id with the step that registers it."""
    for index, number in enumerate(numbers):
        user_id = ids.at(start_ms + index)
        name = audience.username(number)
        registered = AccountRegistered(envelope(user_id, user_id), user_id, name, name)
        if audience.active:
            yield user_id, (registered, SignedIn(envelope(ids.at(start_ms + index), user_id), user_id))
        else:
            yield user_id, (registered,)


def follow_steps(ids: Ids, user_ids: array[int], follows: dict[int, None], start_ms: int) -> Iterator[Step]:
    """Yield a step per follow."""
    for at, pair in enumerate(follows):
        event_id = ids.at(start_ms + at)
        follower = user_ids[pair >> 32]
        yield (Followed(envelope(event_id, follower), follower, user_ids[pair & 0xFFFFFFFF]),)
