"""The catalogue in a real schema registry: under its own ids, so that any client of the registry reads our records."""

from __future__ import annotations

import io
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier
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
    from collections.abc import Sequence

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

AT_ONCE = 3


@pytest.fixture(scope="module")
def url(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> str:
    return settings_of(fleet, tmp_path_factory.mktemp("data"), "registry").schema_registry_url


def get(url: str) -> Any:
    return httpx.get(url, timeout=60).raise_for_status().json()


def thing(name: str, version: int, schema_id: int, *fields: dict[str, Any]) -> Released:
    return Released(f"test.{name}", version, schema_id, {"type": "record", "name": name, "fields": list(fields)})


def test_two_processes_register_all_schemas_under_the_ids_of_the_catalogue(url: str) -> None:
    with ThreadPoolExecutor(2) as threads, ExitStack() as opened:
        registrations = [opened.enter_context(closing(it)) for it in threads.map(Registration, [url, url])]
        assert [it.trouble for it in registrations] == [None, None]
    for schema in released():
        there = get(f"{url}/subjects/{schema.subject}/versions/{schema.version}")
        assert there["id"] == schema.schema_id
        assert get(f"{url}/config/{schema.subject}")["compatibilityLevel"] == COMPATIBILITY


def test_processes_that_register_the_same_at_the_same_moment_all_succeed(url: str) -> None:
    """At the first start of several: each is told of what another has just made, and that is no trouble."""
    together = Barrier(AT_ONCE)

    def register(schemas: Sequence[Released]) -> None:
        with closing(Registry(url)) as registry:
            together.wait()
            registry.register(schemas)

    for _ in range(5):
        name, first_id = f"Thing{secrets.token_hex(4)}", 1_000_000 + secrets.randbelow(1_000_000_000)
        schemas = [thing(f"{name}{n}", 1, first_id + n, {"name": f"a{n}", "type": "int"}) for n in range(5)]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(register, [schemas] * AT_ONCE))
        for schema in schemas:
            assert get(f"{url}/subjects/{schema.subject}/versions/1")["id"] == schema.schema_id
            assert get(f"{url}/config/{schema.subject}")["compatibilityLevel"] == COMPATIBILITY


def test_a_record_is_read_by_what_the_registry_says_about_its_id(url: str) -> None:
    with closing(Registration(url)):
        value = encode(posted(7, 70, "hello"))
        written = json.loads(get(f"{url}/schemas/ids/{int.from_bytes(value[1:5])}")["schema"])
    record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(written), None)
    assert (record["author_id"], record["content"]) == (7, "hello")


def test_versions_follow_each_other_and_what_does_not_go_with_them_is_refused(url: str) -> None:
    name, first_id = f"Thing{secrets.token_hex(4)}", 1_000_000 + secrets.randbelow(1_000_000_000)
    one = {"name": "a", "type": "int"}
    other = {"name": "b", "type": "int"}
    with closing(Registry(url)) as registry:
        registry.register([thing(name, 1, first_id, one)])
        registry.register([thing(name, 1, first_id, one), thing(name, 2, first_id + 1, one, {**other, "default": 0})])
        assert get(f"{url}/subjects/test.{name}/versions") == [1, 2]
        with pytest.raises(TroubleError, match=f"test.{name} version 3 is not {COMPATIBILITY}"):
            registry.register([thing(name, 3, first_id + 2, other)])
        with pytest.raises(TroubleError, match=f"another schema under the id {first_id}"):
            registry.register([thing(f"{name}Else", 1, first_id, other)])


def test_what_others_register_gets_other_ids(url: str) -> None:
    name = f"Other{secrets.token_hex(4)}"
    schema = thing(name, 1, 0, {"name": "a", "type": "int"})
    with closing(Registration(url)):
        answer = httpx.post(
            f"{url}/subjects/test.{name}/versions", json={"schema": schema.text}, timeout=60
        ).raise_for_status()
    assert answer.json()["id"] not in {schema.schema_id for schema in released()}
