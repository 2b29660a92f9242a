"""Every test of the whole system runs over files, and where servers are asked for over these too."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.e2e.system import System

if TYPE_CHECKING:
    from pathlib import Path

    from infra.servers import Fleet

PROFILES = [pytest.param("embedded")]
if os.environ.get("MURMURATION_CLUSTER") == "1":
    PROFILES.append(pytest.param("cluster", marks=pytest.mark.cluster))


class Starting(Protocol):
    """Describes a system with its data in the folder; it runs within its `with`."""

    def __call__(self, data: Path, **settings: str) -> System: ...


@pytest.fixture(scope="module", params=PROFILES)
def starting(request: pytest.FixtureRequest) -> Starting:
    """A system on files or on servers."""
    if request.param == "embedded":
        return System
    from tests.e2e.on_servers import NAMES, SystemOnServers  # noqa: PLC0415 - its clients are installed with servers

    fleet: Fleet = request.getfixturevalue("fleet")
    fleet.start(*NAMES)
    return partial(SystemOnServers, fleet)
