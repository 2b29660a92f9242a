"""The verbs that look into the system, on servers: log, dead letters, status, doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.cql.roles import role
from infra.cql.session import CqlSession
from infra.log.kafka import KafkaEventLog
from infra.log.port import Position, Record
from projections.tweets.cql_reader import CqlTweetsReader
from schemas.codec import encode, topic_and_key
from schemas.ids import SnowflakeGenerator
from streams.dead_letters import DeadLetter, DeadLetters
from tests.builders import EPOCH_MS, posted
from tests.cluster.kafka_log import make_topics_anew
from tests.cluster.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with prepared(fleet, tmp_path_factory.mktemp("verbs")) as settings:
        yield settings


def murmur(settings: Settings, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "infra.cli", *arguments]
    told = settings.environment()
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


async def test_a_letter_is_listed_and_applied_once_when_it_is_tried_again(made: Settings) -> None:
    make_topics_anew(made.kafka_bootstrap, {"dead-letters": 2})
    event = posted(1, 10)
    with closing(KafkaEventLog(made.kafka_bootstrap)) as log:
        letters = DeadLetters(log, SnowflakeGenerator(1, lambda: EPOCH_MS))
        await letters.append("tweets", [DeadLetter(Position("tweets", 0, 7), "was broken", encode(event))])
    (letter,) = json.loads(murmur(made, "dlq", "list", "--json"))
    assert (letter["projection"], letter["offset"], letter["event"]) == ("tweets", 7, "TweetPosted")
    assert "tweets: 1 applied, 0 refused again" in murmur(made, "dlq", "retry", "tweets")
    assert "tweets: 0 applied, 0 refused again" in murmur(made, "dlq", "retry", "tweets")
    with closing(CqlSession(role(made, "query"))) as session, closing(CqlTweetsReader(session)) as reader:
        assert list(reader.many([10])) == [10]


async def test_the_log_is_dumped_and_counted(made: Settings) -> None:
    make_topics_anew(made.kafka_bootstrap, {"tweets": 2})
    event = posted(3, 30)
    with closing(KafkaEventLog(made.kafka_bootstrap)) as log:
        await log.append([Record(*topic_and_key(event), encode(event))])
    (line,) = murmur(made, "log", "dump", "tweets").splitlines()
    assert json.loads(line)["key"] == 3
    told = json.loads(murmur(made, "status", "--json"))
    assert (told["profile"], told["running"], told["log"]["topics"]["tweets"]) == ("cluster", False, 1)
    assert "does not tell" in told["not_known"][0]
    assert "Kafka checks every record itself" in murmur(made, "log", "verify", code=2)


def test_the_doctor_finds_nothing_wrong_with_servers_that_are_in_order(made: Settings) -> None:
    checks = {check["name"]: check for check in json.loads(murmur(made, "doctor", "--json"))}
    assert {"kafka", "topics", "redis", "limits", "cassandra", "clock", "tables"} <= set(checks)


@pytest.mark.parametrize(
    ("name", "changed", "says"),
    [
        ("kafka", {"kafka_bootstrap": "127.0.0.1:1"}, "start it"),
        ("kafka", {"kafka_replication": 3}, "MURMURATION_KAFKA_REPLICATION"),
        ("kafka", {"kafka_min_insync": 2}, "MURMURATION_KAFKA_MIN_INSYNC"),
        ("redis", {"redis_urls": "redis://127.0.0.1:1/0"}, "start it"),
        ("redis", {"redis_urls": "{another_password}"}, "MURMURATION_REDIS_URLS"),
        ("limits", {"redis_limits_urls": "redis://limiter:x@127.0.0.1:1/0"}, "MURMURATION_REDIS_LIMITS_URLS"),
        ("cassandra", {"cassandra_hosts": "127.0.0.1:1"}, "MURMURATION_CASSANDRA_HOSTS"),
        ("cassandra", {"cassandra_password": "no"}, "MURMURATION_CASSANDRA_PASSWORD"),
        ("registry", {"schema_registry_url": "http://127.0.0.1:1"}, "start it"),
    ],
)
def test_the_doctor_names_a_fault_of_a_server_with_its_remedy(
    made: Settings, name: str, changed: dict[str, str], says: str
) -> None:
    password = made.redis_urls.split(":")[2].split("@")[0]
    another = made.redis_urls.replace(password, "another")
    told = {key: another if value == "{another_password}" else value for key, value in changed.items()}
    checks = json.loads(murmur(made.model_copy(update=told), "doctor", "--json", code=1))
    (fault,) = [check for check in checks if not check["ok"]]
    assert (fault["name"], says in fault["remedy"]) == (name, True), fault
    assert "another@" not in fault["found"]
