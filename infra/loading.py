"""Loads what is not kept, so that it is kept only if it still holds, and read once however many ask for it at once.

On files a request reads in one go, and none of this happens. On servers other requests, and the news of what changed,
come between a read and its answer. So what is dropped meanwhile is not kept; who asks for what is being read waits for
that read, unless it was dropped since (the read may be older than what the caller has waited for); and what a read
of another's did not find is read again, for it may be there since.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

V = TypeVar("V")


class Kept(Protocol[V]):
    """What is kept of the values."""

    def take(self, ids: Collection[int]) -> tuple[dict[int, V], list[int]]:
        """Return what is kept of the ids, and the ids that are not kept."""

    def put(self, values: dict[int, V]) -> None:
        """Keep the values."""

    def drop(self, ids: Collection[int]) -> None:
        """Keep the ids no longer."""

    def rely(self, told: bool) -> None:
        """Keep nothing while nobody tells what changed."""


class Follower(Protocol):
    """What is kept besides, and made from the values."""

    def drop(self, ids: Collection[int]) -> None:
        """Keep nothing that is made from these; told at each look, also where nothing changed."""

    def rely(self, told: bool) -> None:
        """Keep nothing while nobody tells what changed."""


class News:
    """What changes while somebody reads."""

    def __init__(self) -> None:
        self._hearers: dict[int, set[int]] = {}

    @contextmanager
    def heard(self) -> Iterator[set[int]]:
        """Yield the ids that change until the end of the `with`; they may grow until then."""
        news: set[int] = set()
        self._hearers[id(news)] = news
        try:
            yield news
        finally:
            del self._hearers[id(news)]

    def tell(self, ids: Collection[int]) -> None:
        """Let those who read know."""
        for news in self._hearers.values():
            news.update(ids)


class Flight(Generic[V]):
    """A read under way: `news` are the ids that were dropped since it began."""

    def __init__(self) -> None:
        self.news: set[int] = set()
        self.landed: Future[dict[int, V]] = Future()
        self.landed.set_running_or_notify_cancel()  # who gives up waiting for it must not cancel it for others


class Loading(Generic[V]):
    """Values by id: those that are kept, and those that `read` finds. Without `wait` nothing comes between."""

    def __init__(
        self,
        kept: Kept[V],
        read: Callable[[list[int]], dict[int, V]],
        wait: Callable[[Future[Any]], Any] | None = None,
    ) -> None:
        self._kept = kept
        self._read = read
        self._wait = wait
        self._flights: dict[int, Flight[V]] = {}
        self._all: set[Flight[V]] = set()
        self.told = wait is None
        self.followers: list[Follower] = []

    def load(self, ids: Collection[int]) -> dict[int, V]:
        """Return the values of those of the ids that have one."""
        found, missing = self._kept.take(ids)
        if missing and self._wait is None:
            read = self._read(missing)
            self._kept.put(read)
            found |= read
        elif missing and self._wait is not None:
            found |= self._shared(missing, self._wait)
        return found

    def _shared(self, missing: list[int], wait: Callable[[Future[Any]], Any]) -> dict[int, V]:
        flights = {wanted: flight for wanted in missing if (flight := self._flights.get(wanted)) is not None}
        own = [wanted for wanted in missing if wanted not in flights]
        found = self._fly(own) if own else {}
        for flight in dict.fromkeys(flights.values()):
            landed: dict[int, V] = wait(flight.landed)
            found |= {wanted: landed[wanted] for wanted in flights if wanted in landed}
        again = [wanted for wanted in flights if wanted not in found]
        return found | self._fly(again) if again else found

    def _fly(self, ids: list[int]) -> dict[int, V]:
        """Read, where others may join; one that fails is its own affair: they read again."""
        flight: Flight[V] = Flight()
        self._all.add(flight)
        self._flights.update(dict.fromkeys(ids, flight))
        read: dict[int, V] = {}
        try:
            read = self._read(ids)
        finally:
            self._all.remove(flight)
            for landed in ids:
                if self._flights.get(landed) is flight:
                    del self._flights[landed]
            flight.landed.set_result(read)
        self._kept.put({one: value for one, value in read.items() if one not in flight.news})
        return read

    def drop(self, ids: Collection[int]) -> None:
        """Forget the values of ids that changed, also those that are being read."""
        self._kept.drop(ids)
        for flight in self._all:
            flight.news.update(ids)
        for one in ids:
            self._flights.pop(one, None)
        for follower in self.followers:
            follower.drop(ids)

    def rely(self, told: bool) -> None:
        """Keep values only while changes are told."""
        self.told = told
        self._kept.rely(told)
        for follower in self.followers:
            follower.rely(told)
