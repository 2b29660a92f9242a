"""docker-compose.yml and the launcher run the same software, with the same settings."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.servers import cassandra, elasticsearch, kafka, redis, registry
from infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "infra" / "compose" / "grafana"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = sorted(set(SERVICES) - {"scylla-role"})


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(
    ("service", "version"),
    [
        ("kafka", kafka.VERSION),
        ("redis", redis.VERSION),
        ("registry", registry.VERSION),
        ("elasticsearch", elasticsearch.VERSION),
    ],
)
def test_the_launcher_runs_the_version_of_the_image(service: str, version: str) -> None:
    assert SERVICES[service]["image"].rsplit(":", 1)[1] == version


def test_every_image_is_pinned() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"[a-z./-]+:(v?\d+\.\d+\.\d+(\.Final)?|RELEASE\.[\dTZ-]+)", service["image"])


def test_kafka_has_the_launchers_settings() -> None:
    told = SERVICES["kafka"]["environment"]
    ours = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in kafka.SETTINGS.items()}
    assert {name: told.get(name) for name in ours} == ours
    assert told["KAFKA_PROCESS_ROLES"] == "broker,controller"


def test_redis_has_the_launchers_settings() -> None:
    words = SERVICES["redis"]["command"]
    told = {word[2:]: value for word, value in pairwise(words) if word.startswith("--")}
    assert {name: told.get(name) for name in redis.SETTINGS} == {**redis.SETTINGS, "save": ""}


def test_redis_has_the_launchers_users() -> None:
    words = " ".join(SERVICES["redis"]["command"])
    users = dict(user.split(" ", 1) for user in words.split(" --user ")[1:])
    assert f"user default {users.pop('default')}" == redis.DEFAULT
    assert f"user probe {users.pop('probe')}" == redis.PROBE
    for name, rules in redis.USERS.items():
        assert users.pop(name) == f"on >${{REDIS_{name.upper()}_PASSWORD:?see .env.example}} {rules}"
    assert not users


def test_scylla_asks_for_roles_as_cassandra_does_and_makes_tables_that_light_weight_transactions_can_use() -> None:
    told = dict(word.removeprefix("--").split("=") for word in SERVICES["scylla"]["command"])
    for name in ("authenticator", "authorizer"):
        assert told[name] == cassandra.SETTINGS[name]
    assert told["tablets-mode-for-new-keyspaces"] == "disabled"


def test_elasticsearch_has_the_launchers_settings_but_for_the_password() -> None:
    told = SERVICES["elasticsearch"]["environment"]
    same = {name: value for name, value in elasticsearch.SETTINGS.items() if not name.startswith("xpack.")}
    assert {name: told.get(name) for name in same} == same
    assert told["ES_JAVA_OPTS"] == " ".join(elasticsearch.MEMORY)
    assert told["xpack.security.enabled"] == "true"


@pytest.mark.parametrize("service", LASTING)
def test_a_server_says_how_it_is_and_has_bounds(service: str) -> None:
    told = SERVICES[service]
    assert told["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert told["mem_limit"]
    assert told["restart"] == "unless-stopped"


def test_what_must_last_lies_in_a_volume() -> None:
    used = {volume.split(":")[0] for name in LASTING for volume in SERVICES[name].get("volumes", ())}
    assert {volume for volume in used if not volume.startswith(".")} == set(COMPOSE["volumes"])
    assert set(LASTING) - set(COMPOSE["volumes"]) == {"registry"}  # its schemas are in Kafka
    assert all((ROOT / volume).exists() for volume in used if volume.startswith("."))


def test_nothing_listens_beyond_this_machine() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "--web.listen-address=127.0.0.1:9090" in SERVICES["prometheus"]["command"]
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_every_password_comes_from_the_environment_and_has_an_example_that_is_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))
    assert asked == set(re.findall(r"(?<!\$)\$\{?([A-Z0-9_]+)", text))
    told = {name: value for name, value in example().items() if not name.startswith(PREFIX)}
    assert set(told) == asked
    passwords = [value for name, value in told.items() if "PASSWORD" in name or "SECRET" in name]
    assert len(passwords) == len(set(passwords)) == 8
    assert all(value.startswith("change-me-") for value in passwords)


def test_the_example_tells_murmur_where_the_servers_are() -> None:
    told = example()
    ours = {name.removeprefix(PREFIX).lower() for name in told if name.startswith(PREFIX)}
    assert ours <= set(Settings.model_fields)
    published = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}
    for name in ("KAFKA_BOOTSTRAP", "CASSANDRA_HOSTS", "REDIS_URLS", "REDIS_QUERY_URLS", "SCHEMA_REGISTRY_URL"):
        found = re.search(r"127\.0\.0\.1:(\d+)", told[f"{PREFIX}{name}"])
        assert found is not None
        assert found[1] in published


def test_prometheus_scrapes_the_three_kinds_of_process() -> None:
    scraped = yaml.safe_load((ROOT / "infra" / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in scraped}
    default = Settings.model_fields
    assert targets == {
        "commands": f"127.0.0.1:{default['commands_port'].default}",
        "query": f"127.0.0.1:{default['query_port'].default}",
        "streams": f"127.0.0.1:{example()[f'{PREFIX}STREAMS_METRICS_PORT']}",
    }


def test_the_dashboard_asks_its_source_for_metrics_that_exist() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    panels = json.loads((GRAFANA / "dashboards/murmuration.json").read_text())["panels"]
    code = "\n".join(path.read_text() for folder in ("infra", "streams", "query_api") for path in folder_of(folder))
    for panel in panels:
        assert panel["datasource"]["uid"] == source["uid"]
        for target in panel["targets"]:
            for name in re.findall(r"murmur_[a-z_]+", target["expr"]):
                assert f'"{re.sub("_(total|bucket)$", "", name)}"' in code


def folder_of(name: str) -> list[Path]:
    return sorted((ROOT / name).rglob("*.py"))
