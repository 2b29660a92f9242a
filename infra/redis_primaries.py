"""Connections to a list of Redis primaries, and which of their errors may pass.

A key belongs to a logical shard, named by its hash tag; shard s lives on primary s mod n. Commands for many shards go
out as one pipeline a primary. Plain code has the client library's connections and blocks; below `bridge.bridged` the
calls of all tasks share one connection a primary. NOTE: nothing is sent twice by itself; whoever sends knows whether
that is safe.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - Redis's own
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - Redis's own
    TryAgainError,
)
from redis.retry import Retry

from infra.bridge import is_bridged, wait_for
from infra.projections import StoreError, StoreUnavailableError
from infra.redis_wire import CONNECT_SECONDS, Link

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Sequence

WRITER_SECONDS = 10.0  # a call blocks Redis for milliseconds; loading a large AOF answers LOADING at once
READER_SECONDS = 1.0  # then the query has another way
PASSING = (
    ConnectionError,  # LOADING too
    TimeoutError,
    OutOfMemoryError,
    ReadOnlyError,
    MasterDownError,
    ClusterDownError,
    TryAgainError,
)
PASSING_WORDS = ("MISCONF", "BUSY", "NOREPLICAS")  # those for which the client has no class

Words = tuple[Any, ...]


class Command(NamedTuple):
    """A command on keys of one shard."""

    shard: int
    words: Words


class Primaries:
    """The way to each primary; below `bridge.bridged` a call lets the event loop run on, elsewhere it blocks.

    An answer that takes longer than `seconds` is an error; so is a connection that takes longer than one.
    """

    def __init__(self, urls: Sequence[str], *, seconds: float = WRITER_SECONDS) -> None:
        if not urls:
            raise StoreError("no Redis is named: set MURMURATION_REDIS_URLS")
        self._urls = urls
        self.count = len(urls)
        self._seconds = seconds
        self._clients: list[Any] = [
            redis.Redis.from_url(
                url, socket_timeout=seconds, socket_connect_timeout=CONNECT_SECONDS, retry=Retry(NoBackoff(), 0)
            )
            for url in urls
        ]
        self._links: WeakKeyDictionary[AbstractEventLoop, list[Link]] = WeakKeyDictionary()

    def run(self, commands: Sequence[Command], *, at_once: bool = False) -> list[Any]:
        """Send the commands, one round trip to all primaries at once, and return the answers in order.

        With `at_once` those of a primary are one transaction. Raises StoreUnavailableError for what may pass;
        a script that the server has lost is NoScriptError.
        """
        told: dict[int, list[int]] = {}
        for at, command in enumerate(commands):
            told.setdefault(command.shard % len(self._urls), []).append(at)
        asked = {primary: [commands[at].words for at in mine] for primary, mine in told.items()}
        answers: list[Any] = [None] * len(commands)
        for primary, found in self._ask(asked, at_once=at_once).items():
            for at, answer in zip(told[primary], found, strict=True):
                answers[at] = answer
        _raise_first(answers)
        return answers

    def load(self, script: str) -> str:
        """Make the script known to all primaries; return its name."""
        answers = self._ask({it: [("SCRIPT", "LOAD", script)] for it in range(len(self._urls))}, at_once=False)
        names = [name for (name,) in answers.values()]
        _raise_first(names)
        return str(names[0], "ascii")

    def _ask(self, asked: dict[int, list[Words]], *, at_once: bool) -> dict[int, list[Any]]:
        """Return, by primary, the answers, which are errors where a command failed."""
        try:
            if is_bridged():
                return self._ask_beside(asked, at_once=at_once)
            return {primary: self._ask_blocking(primary, words, at_once) for primary, words in asked.items()}
        except RedisError as error:
            raise translated(error) from error

    def _ask_blocking(self, primary: int, words: list[Words], at_once: bool) -> list[Any]:
        pipeline = self._clients[primary].pipeline(transaction=at_once)
        for each in words:
            pipeline.execute_command(*each)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers

    def _ask_beside(self, asked: dict[int, list[Words]], *, at_once: bool) -> dict[int, list[Any]]:
        links = self._links_of(asyncio.get_running_loop())
        for primary in asked:
            if not links[primary].is_open:
                wait_for(links[primary].connect())
        if at_once:
            asked = {primary: [("MULTI",), *words, ("EXEC",)] for primary, words in asked.items()}
        futures = {primary: links[primary].ask(words) for primary, words in asked.items()}
        if len(futures) > 1:
            wait_for(asyncio.wait(futures.values()))  # so that none fails unheard
        found = {primary: wait_for(future) for primary, future in futures.items()}
        return {primary: _of_transaction(it) for primary, it in found.items()} if at_once else found

    def _links_of(self, loop: AbstractEventLoop) -> list[Link]:
        links = self._links.get(loop)
        if links is None:
            links = self._links[loop] = [Link(url, self._seconds) for url in self._urls]
        return links

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()
        for links in self._links.values():
            for link in links:
                link.close()


def _of_transaction(answers: list[Any]) -> list[Any]:
    _raise_first(answers)
    found: list[Any] = answers[-1]
    return found


def _raise_first(answers: Sequence[Any]) -> None:
    failed = [it for it in answers if isinstance(it, RedisError)]
    for error in failed:
        if isinstance(error, NoScriptError):
            raise error
    for error in failed:
        raise translated(error) from error


def translated(error: RedisError) -> StoreError:
    """Tell an error that may pass from one that will not."""
    said = f"Redis: {type(error).__name__}: {error}"
    passing = isinstance(error, PASSING) or str(error).startswith(PASSING_WORDS)
    if passing and not isinstance(error, AuthenticationError):
        return StoreUnavailableError(said)
    return StoreError(said)
