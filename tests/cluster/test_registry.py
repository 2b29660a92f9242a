"""The catalogue in a real schema registry: under its own ids, so that any client of the registry reads our records."""

from __future__ import annotations

import io
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fastavro
import httpx
import pytest

from infra.registry import COMPATIBILITY, Registration, Registry, Released, released
from infra.trouble import TroubleError
from schemas.codec import encode
from tests.builders import posted
from tests.conftest import settings_of

if TYPE_CHECKING:
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def url(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> str:
    return settings_of(fleet, tmp_path_factory.mktemp("data"), "registry").schema_registry_url


def get(url: str) -> Any:
    return httpx.get(url).raise_for_status().json()


def thing(name: str, version: int, schema_id: int, *fields: dict[str, Any]) -> Released:
    return Released(f"test.{name}", version, schema_id, {"type": "record", "name": name, "fields": list(fields)})


def test_two_processes_register_all_schemas_under_the_ids_of_the_catalogue(url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        registrations = list(threads.map(Registration, [url, url]))
    assert [it.trouble for it in registrations] == [None, None]
    for schema in released():
        there = get(f"{url}/subjects/{schema.subject}/versions/{schema.version}")
        assert there["id"] == schema.schema_id
        assert get(f"{url}/config/{schema.subject}")["compatibilityLevel"] == COMPATIBILITY
    for registration in registrations:
        registration.close()


def test_a_record_is_read_by_what_the_registry_says_about_its_id(url: str) -> None:
    registration = Registration(url)
    value = encode(posted(7, 70, "hello"))
    written = json.loads(get(f"{url}/schemas/ids/{int.from_bytes(value[1:5])}")["schema"])
    record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(written), None)
    assert (record["author_id"], record["content"]) == (7, "hello")
    registration.close()


def test_versions_follow_each_other_and_what_does_not_go_with_them_is_refused(url: str) -> None:
    name, first_id = f"Thing{secrets.token_hex(4)}", 1_000_000 + secrets.randbelow(1_000_000_000)
    one = {"name": "a", "type": "int"}
    other = {"name": "b", "type": "int"}
    registry = Registry(url)
    registry.register([thing(name, 1, first_id, one)])
    registry.register([thing(name, 1, first_id, one), thing(name, 2, first_id + 1, one, {**other, "default": 0})])
    assert get(f"{url}/subjects/test.{name}/versions") == [1, 2]
    with pytest.raises(TroubleError, match=f"test.{name} version 3 is not {COMPATIBILITY}"):
        registry.register([thing(name, 3, first_id + 2, other)])
    with pytest.raises(TroubleError, match=f"another schema under the id {first_id}"):
        registry.register([thing(f"{name}Else", 1, first_id, other)])
    registry.close()


def test_what_others_register_gets_other_ids(url: str) -> None:
    registration = Registration(url)
    name = f"Other{secrets.token_hex(4)}"
    schema = thing(name, 1, 0, {"name": "a", "type": "int"})
    answer = httpx.post(f"{url}/subjects/test.{name}/versions", json={"schema": schema.text}).raise_for_status()
    assert answer.json()["id"] not in {schema.schema_id for schema in released()}
    registration.close()
