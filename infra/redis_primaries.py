"""Connections to a list of Redis primaries, and which of their errors may pass.

A key belongs to a logical shard, named by its hash tag; shard s lives on primary s mod n. Commands for many shards go
out as one pipeline a primary. NOTE: nothing is sent twice by itself; whoever sends knows whether that is safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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

from infra.projections import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_SECONDS = 10.0  # a call blocks Redis for milliseconds; loading a large AOF answers LOADING at once
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

READER_ACL = "resetkeys %R~{*}:* -@all +get +exists +hget +hgetall +lrange +zrange +multi +exec +ping +hello"
WRITER_ACL = "resetkeys ~{*}:* -@all +@read +@write +evalsha +script|load +ping +hello -@dangerous"
"""What the query API's user and the agents' user may do: `ACL SETUSER <name> on >password …`."""


class Command(NamedTuple):
    """A command on keys of one shard."""

    shard: int
    words: tuple[Any, ...]


class Primaries:
    """One connection to each primary."""

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise StoreError("no Redis is named: set MURMURATION_REDIS_URLS")
        self._clients: list[Any] = [
            redis.Redis.from_url(
                url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
            )
            for url in urls
        ]

    def run(self, commands: Sequence[Command], *, at_once: bool = False) -> list[Any]:
        """Send the commands, one pipeline a primary, and return the answers in order.

        With `at_once` those of a primary are one transaction. Raises StoreUnavailableError for what may pass;
        a script that the server has lost is NoScriptError.
        """
        answers: list[Any] = [None] * len(commands)
        for number, client in enumerate(self._clients):
            mine = [at for at, command in enumerate(commands) if command.shard % len(self._clients) == number]
            if not mine:
                continue
            pipeline = client.pipeline(transaction=at_once)
            for at in mine:
                pipeline.execute_command(*commands[at].words)
            for at, answer in zip(mine, self._execute(pipeline), strict=True):
                answers[at] = answer
        return answers

    def load(self, script: str) -> str:
        """Make the script known to all primaries; return its name."""
        try:
            names = [client.script_load(script) for client in self._clients]
        except RedisError as error:
            raise translated(error) from error
        return str(names[0])

    def _execute(self, pipeline: Any) -> list[Any]:
        try:
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        except RedisError as error:
            raise translated(error) from error
        for answer in answers:
            if isinstance(answer, NoScriptError):
                raise answer
        for answer in answers:
            if isinstance(answer, RedisError):
                raise translated(answer) from answer
        return answers

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()


def translated(error: RedisError) -> StoreError:
    """Tell an error that may pass from one that will not."""
    said = f"Redis: {type(error).__name__}: {error}"
    passing = isinstance(error, PASSING) or str(error).startswith(PASSING_WORDS)
    if passing and not isinstance(error, AuthenticationError):
        return StoreUnavailableError(said)
    return StoreError(said)
