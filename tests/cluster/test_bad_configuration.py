"""What is wrong with servers or settings is one line and exit code 2, or a readiness that says so: real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from infra import cluster as servers_and_tables
from infra import probe
from infra.cql.projection_tables import known_build
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.log import kafka_topics
from tests.cluster.prepared import admin, prepared
from tests.cluster.scripted_elastic import scripted
from tests.ports import free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 60.0
KINDS = {"commands": ("commands",), "streams": ("streams", "all"), "query": ("query_api",)}
NOWHERE = "nowhere.invalid"
SEARCHING = ("streams", "query")


class Case(NamedTuple):
    """A process, what is wrong with its settings, and what it has to say."""

    what: str
    kind: str
    settings: Mapping[str, str]
    says: str

    def __hash__(self) -> int:
        return hash((self.what, self.kind, self.says))


def refused(what: str, says: str, settings: dict[str, str], *kinds: str) -> list[Case]:
    return [Case(what, kind, settings, says) for kind in kinds]


DEAD = f"127.0.0.1:{free_port()}"
CASES = [
    *refused("a wrong password", "refuses the role 'app_", {"cassandra_app_password": "no"}, "commands", "streams"),
    *refused("a wrong password", "refuses the role 'query_", {"cassandra_query_password": "no"}, "query"),
    *refused("a wrong password", "AuthenticationError", {"redis_urls": "{another_password}"}, "streams"),
    *refused("a server that is away", f"Kafka at {DEAD}", {"kafka_bootstrap": DEAD}, "commands", "streams"),
    *refused("a server that is away", f"Cassandra at {DEAD}", {"cassandra_hosts": DEAD}, *KINDS),
    *refused("a server that is away", "Redis: ", {"redis_urls": f"redis://{DEAD}/0"}, "streams"),
    *refused("an unknown host", f"Kafka at {NOWHERE}", {"kafka_bootstrap": f"{NOWHERE}:1"}, "commands"),
    *refused("an unknown host", f"Cassandra at {NOWHERE}", {"cassandra_hosts": f"{NOWHERE}:1"}, "query"),
    *refused("an unknown host", "Redis: ", {"redis_urls": f"redis://{NOWHERE}:1/0"}, "streams"),
    *refused("no keyspace", "has no keyspace 'nothing", {"cassandra_keyspace": "nothing_here"}, *KINDS),
    *refused("an old Elasticsearch", "is version 7.17.9", {"elasticsearch_urls": "{old_search}"}, "streams"),
    *refused("no search index", "-search-tweets-g1 is missing", {"elasticsearch_urls": "{empty_search}"}, "streams"),
    *refused(
        "a broken address", "elasticsearch_urls cannot be read; write", {"elasticsearch_urls": "nowhere"}, *SEARCHING
    ),
    *refused("too many copies to write", "2 copies are to be written", {"kafka_min_insync": "2"}, "commands"),
]
AT_ONCE = 4


@pytest.fixture(scope="module")
def made(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with prepared(fleet, tmp_path_factory.mktemp("bad")) as settings:
        yield settings


def environment(settings: Settings, **changed: str) -> dict[str, str]:
    ports = dict.fromkeys(("COMMANDS_PORT", "QUERY_PORT"), "0")
    told = {f"MURMURATION_{name.upper()}": value for name, value in changed.items()}
    return {**settings.environment(), **{f"MURMURATION_{name}": value for name, value in ports.items()}, **told}


def ended(settings: Settings, kind: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run a process that is to end by itself."""
    command = [sys.executable, "-m", *KINDS[kind]]
    told = environment(settings, **changed)
    return subprocess.run(
        command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False
    )


def line_of(process: subprocess.CompletedProcess[str], kind: str) -> str:
    """Return the one line with which a process was refused."""
    assert process.returncode == 2, process.stderr
    assert "Traceback" not in process.stderr
    *_, last = process.stderr.splitlines()
    assert last.startswith(f"{kind}: ")
    assert len(re.findall(rf"^{kind}: ", process.stderr, re.MULTILINE)) == 1
    return last


@pytest.fixture(scope="module")
def outcomes(made: Settings) -> Iterator[dict[Case, Future[subprocess.CompletedProcess[str]]]]:
    """What became of each case: some at a time, because most of them wait for somebody who does not answer."""

    def outcome(case: Case) -> subprocess.CompletedProcess[str]:
        told = {name: value.format_map(there) for name, value in case.settings.items()}
        return ended(made, case.kind, **told)

    with scripted() as old, scripted() as empty, ThreadPoolExecutor(AT_ONCE) as pool:
        old.version = "7.17.9"
        empty.on["_mapping"] = lambda: (404, {})
        there = {"another_password": elsewhere(made), "old_search": old.url, "empty_search": empty.url}
        yield {case: pool.submit(outcome, case) for case in CASES}


def elsewhere(settings: Settings) -> str:
    """Return the address of Redis with another password."""
    return re.sub(r"//(.*):(.*)@", r"//\1:another@", settings.redis_urls)


@pytest.mark.parametrize("case", CASES, ids=[f"{it.what}: {it.kind}: {it.says}" for it in CASES])
def test_what_cannot_be_is_one_line_and_exit_code_2(
    outcomes: dict[Case, Future[subprocess.CompletedProcess[str]]], case: Case
) -> None:
    line = line_of(outcomes[case].result(), case.kind)
    assert case.says in line
    assert "another@" not in line


@pytest.mark.parametrize("kind", ["commands", "streams"])
def test_a_missing_topic_is_named(made: Settings, kind: str) -> None:
    client = AdminClient(kafka_topics.client_config(made.kafka_bootstrap))
    client.delete_topics(["imports"])["imports"].result()
    until(lambda: "imports" not in kafka_topics.partition_counts(client, made.kafka_bootstrap))
    try:
        line = line_of(ended(made, kind), kind)
    finally:
        servers_and_tables.make_topics(made)
    assert "topic imports is missing" in line
    assert line.endswith("`murmur migrate`")


@pytest.mark.parametrize("kind", ["commands", "streams"])
def test_tables_of_an_older_version_are_named(made: Settings, kind: str) -> None:
    table = f"{keyspaces(made).lwt}.migrations"
    with closing(admin(made)) as session:
        (*_, (name, checksum)) = sorted(session.run(f"SELECT name, checksum FROM {table}"))
        session.run(f"DELETE FROM {table} WHERE name = ? IF EXISTS", (name,))
        try:
            line = line_of(ended(made, kind), kind)
        finally:
            session.run(f"INSERT INTO {table} (name, checksum) VALUES (?, ?) IF NOT EXISTS", (name, checksum))
    assert f"{name} is missing" in line
    assert line.endswith("`murmur migrate`")


def test_tables_of_another_version_of_a_projection_are_named(made: Settings) -> None:
    with closing(CqlSession(made)) as session:
        right = known_build(session, "graph", 1).schema_version
        change = "UPDATE stores SET schema_version = ? WHERE projection = 'graph' AND generation = 1"
        session.run(change, (right + 1,))
        try:
            line = line_of(ended(made, "streams"), "streams")
        finally:
            session.run(change, (right,))
    assert f"has tables of schema {right + 1}, this version wants {right}" in line


def test_a_clock_that_is_off_is_named(made: Settings, tmp_path: Path) -> None:
    shifted = """
        import time
        right, right_ns = time.time, time.time_ns
        time.time, time.time_ns = lambda: right() + 60, lambda: right_ns() + 60 * 10**9
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(shifted))
    told = {**environment(made), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "commands"]
    process = subprocess.run(
        command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False
    )
    assert "clock is 60.0 s ahead" in re.sub(r"(59|60)\.\d", "60.0", line_of(process, "commands"))


@contextmanager
def serving(settings: Settings, kind: str, **changed: str) -> Iterator[dict[str, Any]]:
    """Run a process that is to go on; yields what it announces."""
    told = {**environment(settings, **changed), "MURMURATION_INSTANCE": "one"}
    (settings.data_dir / "logs").mkdir(exist_ok=True)
    log = settings.data_dir / "logs" / "one.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", *KINDS[kind]], cwd=ROOT, env=told, stdout=out, stderr=out)
    try:
        file = settings.data_dir / "run" / "one.json"
        until(lambda: probe.announced(file).get("pid") == process.pid or process.poll() is not None, BOUND_SECONDS)
        assert process.poll() is None, log.read_text()
        yield probe.announced(file)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def readiness(facts: dict[str, Any]) -> httpx.Response:
    return httpx.get(f"http://{facts['own_host']}:{facts['own_port']}/readyz", timeout=10)


def test_a_worker_number_in_use_is_named_with_its_holder(made: Settings) -> None:
    with serving(made, "commands", worker="7") as facts:
        line = line_of(ended(made, "commands", worker="7"), "commands")
    assert f"worker number 7 is in use by {os.uname().nodename}:{facts['pid']}" in line
    assert "MURMURATION_WORKER" in line


def test_a_registry_that_is_away_is_a_warning_of_a_process_that_works(made: Settings) -> None:
    with serving(made, "commands", schema_registry_url=f"http://{DEAD}") as facts:
        answer = readiness(facts)
    assert answer.status_code == httpx.codes.OK
    assert DEAD in answer.json()["warnings"][0]


def test_queries_go_on_without_redis_and_kafka_and_say_so(made: Settings) -> None:
    away = {"redis_urls": f"redis://{DEAD}/0", "redis_query_urls": f"redis://{DEAD}/0", "kafka_bootstrap": DEAD}
    with serving(made, "query", **away, elasticsearch_urls=f"http://{DEAD}") as facts:
        until(lambda: readiness(facts).status_code == httpx.codes.OK)
        answer = readiness(facts)
    assert answer.json()["status"] == "degraded"


def test_projections_go_on_without_elasticsearch_but_for_search(made: Settings) -> None:
    with serving(made, "streams", elasticsearch_urls=f"http://{DEAD}") as facts:
        until(lambda: [name for name, well in readiness(facts).json()["checks"].items() if not well] == ["search"])


def test_up_passes_on_what_a_process_says_and_ends(made: Settings) -> None:
    command = [sys.executable, "-m", "infra.cli", "up", "--data", str(made.data_dir)]
    told = environment(made, redis_urls=elsewhere(made))
    process = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 2, process.stderr
    *_, last = process.stderr.splitlines()
    assert last.startswith("murmur: streams: Redis: ")
    assert "Traceback" not in process.stderr
