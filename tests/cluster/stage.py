"""The stage of the fault tests: one system with two processes of each kind, on the session's servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.e2e.on_servers import NAMES, SystemOnServers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.servers import Fleet

SILENCE_SECONDS = 5.0  # of an API whose own parts all run: a pause of a busy machine, not an outage
WORKERS = {f"{kind}_workers": "2" for kind in ("commands", "streams", "query")}


@pytest.fixture(scope="module")
def system(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemOnServers]:
    fleet.start(*NAMES)
    with SystemOnServers(fleet, tmp_path_factory.mktemp("faults") / "data", **WORKERS) as running:
        yield running


@pytest.fixture
def told(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """What was measured; it goes to the report, and to the terminal (`pytest -s`)."""
    facts: dict[str, object] = {}
    yield facts
    for name, value in facts.items():
        record_property(name, value)
    print(f"\n{request.node.name}: {facts}")  # noqa: T201 - a test's own output


def seconds(told: Mapping[str, object], what: str) -> float:
    value = told[what]
    assert isinstance(value, float)
    return value


async def start_again(fleet: Fleet, name: str) -> None:
    await asyncio.to_thread(fleet.start, name)
