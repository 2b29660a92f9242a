"""The registry and Elasticsearch by the launcher: they work, and keep what they acknowledged through a kill."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.servers import Fleet, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

BOUND_SECONDS = 60.0
SEEN = f"seen-{secrets.token_hex(3)}"  # servers may be those of an earlier run
SCHEMA = '{"type": "record", "name": "Seen", "fields": [{"name": "id", "type": "long"}]}'
BROKEN = '{"type": "record", "name": "Seen", "fields": [{"name": "id", "type": "string"}]}'


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Fleet]:
    """One of its own: the ids in the session's are the catalogue's."""
    with running(["registry"], tmp_path) as fleet:
        yield fleet


@pytest.fixture
def elasticsearch(fleet: Fleet) -> Fleet:
    fleet.start("elasticsearch")
    return fleet


def ask(method: str, fleet: Fleet, name: str, path: str, **given: Any) -> httpx.Response:
    return httpx.request(method, f"{fleet[name].address}{path}", timeout=BOUND_SECONDS, **given)


def killed_and_back(fleet: Fleet, name: str, told: Callable[[str, object], None]) -> None:
    before = fleet[name]
    told(f"{name}: seconds to ready", before.seconds)
    told(f"{name}: MB resident", before.process.memory() // 1_000_000)
    fleet.kill(name)
    assert not before.process.alive()
    fleet.start(name)
    assert fleet[name].ports == before.ports
    told(f"{name}: seconds from kill -9 to ready", fleet[name].seconds)


def test_the_registry_keeps_ids_and_refuses_what_does_not_fit(
    registry: Fleet, record_property: Callable[[str, object], None]
) -> None:
    assert registry.settings()["schema_registry_url"] == registry["registry"].address
    level = {"compatibility": "FULL_TRANSITIVE"}
    assert ask("PUT", registry, "registry", "/config", json=level).is_success
    registered = ask("POST", registry, "registry", "/subjects/seen-value/versions", json={"schema": SCHEMA})
    killed_and_back(registry, "registry", record_property)
    again = ask("POST", registry, "registry", "/subjects/seen-value/versions", json={"schema": SCHEMA})
    assert again.json() == registered.json()
    refused = ask("POST", registry, "registry", "/subjects/seen-value/versions", json={"schema": BROKEN})
    assert refused.status_code == httpx.codes.CONFLICT


def test_elasticsearch_finds_what_it_acknowledged_through_a_kill(
    elasticsearch: Fleet, record_property: Callable[[str, object], None]
) -> None:
    created = ask("PUT", elasticsearch, "elasticsearch", f"/{SEEN}/_doc/1", json={"text": "hello flock"})
    assert created.status_code == httpx.codes.CREATED
    killed_and_back(elasticsearch, "elasticsearch", record_property)
    assert ask("POST", elasticsearch, "elasticsearch", f"/{SEEN}/_refresh").is_success
    found = ask("GET", elasticsearch, "elasticsearch", f"/{SEEN}/_search", params={"q": "text:flock"})
    assert found.json()["hits"]["total"]["value"] == 1
