from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from infra.auth import passwords
from infra.auth.passwords import Passwords, TooManyWaitingError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hasher() -> Iterator[Passwords]:
    with contextlib.closing(Passwords(memory_kib=8)) as opened:
        yield opened


async def test_a_password_matches_its_own_hash_only(hasher: Passwords) -> None:
    encoded = await hasher.hash("correct horse")
    assert encoded.startswith("$argon2id$")
    assert "m=8,t=2,p=1" in encoded
    assert await hasher.matches(encoded, "correct horse")
    for other in ("", "Correct horse", "nobody has this password", "\0"):
        assert not await hasher.matches(encoded, other)
    assert await hasher.hash("correct horse") != encoded


async def test_nobody_has_no_password_and_a_broken_hash_matches_none(hasher: Passwords) -> None:
    assert not await hasher.matches(None, "nobody has this password")
    assert not await hasher.matches("$argon2id$broken", "x")


async def test_only_so_many_may_wait(hasher: Passwords) -> None:
    go = threading.Event()
    waiting = [asyncio.create_task(hasher._run(go.wait)) for _ in range(passwords.MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaitingError):
        await hasher.hash("one more")
    go.set()
    await asyncio.gather(*waiting)
    assert await hasher.hash("one more")
