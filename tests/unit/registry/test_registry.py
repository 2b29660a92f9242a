"""What is said to a registry of Confluent's kind, and what becomes of its answers: over a small one in memory."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from infra import registry
from infra.registry import COMPATIBILITY, Registration, Registry, Released, released
from infra.trouble import TroubleError
from tests.waiting import until

URL = "http://registry"


class ConfluentRegistry(httpx.BaseTransport):
    """Subjects with modes, as Confluent's REST API documents them; `away`: nobody answers."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, int], dict[str, Any]] = {}
        self.modes: dict[str, str] = {}
        self.levels: dict[str, str] = {}
        self.compatible = True
        self.away = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("connection refused")
        told = json.loads(request.content) if request.content else {}
        for method, pattern, answer in (
            ("GET", r"/subjects/([^/]+)/versions/(\d+)", self._version),
            ("GET", r"/schemas/ids/(\d+)", self._by_id),
            ("POST", r"/compatibility/subjects/([^/]+)/versions", self._compatibility),
            ("PUT", r"/mode/([^/]+)", self._mode),
            ("POST", r"/subjects/([^/]+)/versions", self._add),
            ("PUT", r"/config/([^/]+)", self._config),
        ):
            match = re.fullmatch(pattern, request.url.path)
            if match and method == request.method:
                status, body = answer(told, *match.groups())
                return httpx.Response(status, json=body)
        return httpx.Response(405, json={})

    def _version(self, _: Any, subject: str, version: str) -> tuple[int, Any]:
        found = self.versions.get((subject, int(version)))
        return (200, found) if found else (404, {"error_code": 40401})

    def _by_id(self, _: Any, schema_id: str) -> tuple[int, Any]:
        found = next((it for it in self.versions.values() if it["id"] == int(schema_id)), None)
        return (200, {"schema": found["schema"]}) if found else (404, {"error_code": 40403})

    def _compatibility(self, _: Any, subject: str) -> tuple[int, Any]:
        known = any(name == subject for name, _ in self.versions)
        return (200, {"is_compatible": self.compatible}) if known else (404, {"error_code": 40401})

    def _mode(self, told: Any, subject: str) -> tuple[int, Any]:
        self.modes[subject] = told["mode"]
        return 200, told

    def _add(self, told: Any, subject: str) -> tuple[int, Any]:
        if self.modes.get(subject) != "IMPORT":
            return 422, {"error_code": 42205}
        self.versions[subject, told["version"]] = told
        return 200, {"id": told["id"]}

    def _config(self, told: Any, subject: str) -> tuple[int, Any]:
        self.levels[subject] = told["compatibility"]
        return 200, told


def thing(version: int = 1, schema_id: int = 7, *fields: str) -> Released:
    record = {"type": "record", "name": "Thing", "fields": [{"name": name, "type": "int"} for name in fields]}
    return Released("test.Thing", version, schema_id, record)


def test_every_released_schema_gets_its_own_id_and_the_subject_its_compatibility() -> None:
    server = ConfluentRegistry()
    for _ in range(2):
        Registry(URL, server).register(released())
    assert {it["id"] for it in server.versions.values()} == {schema.schema_id for schema in released()}
    assert set(server.modes.values()) == {"READWRITE"}
    assert set(server.levels.values()) == {COMPATIBILITY}
    assert len(server.levels) == len({schema.subject for schema in released()})


def test_a_subject_is_the_full_name_of_its_record() -> None:
    assert "murmuration.tweets.TweetPosted" in {schema.subject for schema in released()}


@pytest.mark.parametrize(
    ("there", "wanted", "said"),
    [
        (thing(1, 7, "a"), thing(1, 7, "b"), "has another schema as test.Thing version 1"),
        (thing(1, 8, "a"), thing(1, 7, "a"), "has test.Thing version 1 under the id 8"),
        (thing(1, 7, "a"), thing(2, 7, "b"), "has another schema under the id 7"),
    ],
)
def test_what_stands_in_the_place_of_ours_is_told_and_left(there: Released, wanted: Released, said: str) -> None:
    server = ConfluentRegistry()
    Registry(URL, server).register([there])
    with pytest.raises(TroubleError, match=said):
        Registry(URL, server).register([wanted])
    assert len(server.versions) == 1


def test_a_version_that_is_not_compatible_is_told_and_not_registered() -> None:
    server = ConfluentRegistry()
    Registry(URL, server).register([thing(1, 7, "a")])
    server.compatible = False
    with pytest.raises(TroubleError, match=r"test\.Thing version 2 is not FULL_TRANSITIVE"):
        Registry(URL, server).register([thing(2, 8, "b")])
    assert len(server.versions) == 1


def test_a_registry_that_is_away_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "RETRY_SECONDS", 0.01)
    server = ConfluentRegistry()
    server.away = True
    registration = Registration(URL, server)
    assert "does not answer" in str(registration.trouble)
    server.away = False
    until(lambda: registration.trouble is None)
    assert len(server.versions) == len(released())
    registration.close()


def test_an_answer_that_no_registry_gives_is_trouble_with_it() -> None:
    registration = Registration(URL, httpx.MockTransport(lambda _: httpx.Response(500, text="no")))
    assert "answers otherwise than expected" in str(registration.trouble)
    registration.close()


def test_without_a_registry_there_is_nothing_to_do() -> None:
    registration = Registration("")
    assert registration.trouble is None
    registration.close()
