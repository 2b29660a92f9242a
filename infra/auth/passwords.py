"""Hashes passwords by argon2id, in threads of their own, with a bound on how many may wait."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES = 2
LANES = 1
THREADS = 2  # 17.6 ms each at 19 MiB: some 110 log-ins a second, and never more than 38 MiB
MAX_WAITING = 100  # about a second's worth

_T = TypeVar("_T")


class TooManyWaitingError(Exception):
    """MAX_WAITING passwords are being hashed or wait for it."""


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, memory_kib: int) -> None:
        self._hasher = PasswordHasher(PASSES, memory_kib, LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(THREADS, "password")
        self._waiting = 0
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the encoded hash; raises TooManyWaitingError."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, encoded: str | None, password: str) -> bool:
        """Tell whether the password is the hashed one; None (no such account) is false after the same time."""
        return await self._run(lambda: self._verify(encoded, password))

    def _verify(self, encoded: str | None, password: str) -> bool:
        try:
            self._hasher.verify(encoded or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= MAX_WAITING:
            raise TooManyWaitingError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)
