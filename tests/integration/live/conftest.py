"""A served world of four: ME follows ANN, who has posted; streams end with the test."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests import builders
from tests.live_world import LiveWorld, live_world
from tests.query_world import tweet_id, uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.query_world import Backing


async def _begin(made: LiveWorld) -> None:
    await made.given(
        *(builders.registered(uid(n)) for n in range(4)),
        builders.followed(uid(0), uid(1)),
        builders.posted(uid(2), tweet_id(1)),
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[LiveWorld]:
    async with live_world(tmp_path) as made:
        await _begin(made)
        yield made


@pytest.fixture
async def anywhere(tmp_path: Path, backing: Backing) -> AsyncIterator[LiveWorld]:
    """The same on files, and on servers."""
    async with live_world(tmp_path, backing) as made:
        await _begin(made)
        yield made


@pytest.fixture
async def streams() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack
