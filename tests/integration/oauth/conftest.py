from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command_world import command_world
from tests.oauth_world import PATIENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path, **PATIENT) as opened:
        yield opened
