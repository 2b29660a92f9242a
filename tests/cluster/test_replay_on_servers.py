"""`murmur replay` on servers: every projection is built beside the live one, proven right, and promoted or stopped."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from infra import cluster
from infra.archive import runs
from infra.archive.opening import open_archive
from infra.cql.projection_tables import named
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.elastic import Elastic
from infra.generations.record import State
from infra.log import kafka_cut
from infra.log.kafka import KafkaEventLog
from infra.log.kafka_reader import KafkaLogReader
from infra.log.port import LogError, Record
from infra.servers import running
from projections.search import elasticsearch_indices
from schemas.catalogue import BY_EVENT, FACT_TOPICS
from schemas.codec import schema_id_of, topic_and_key
from streams.generations.moves import waiting
from streams.generations.servers import ServerStock
from streams.projections import PROJECTIONS
from streams.replay import audit, command
from streams.replay.options import parsed
from streams.replay.run import STOPPED
from streams.replay.server_replay import ServerReplay
from tests.cluster.damage import lose_a_timeline, plant_in_graph
from tests.conftest import settings_of
from tests.contract.object_backends import own_bucket
from tests.replay_world import random_history
from tests.versions import mixed
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.servers import Fleet
    from infra.settings import Settings
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

NAME = f"replay_{os.getpid()}"
HISTORY = random_history(150)
BEFORE = len(HISTORY) * 2 // 3
PORTION = 10
FAR_MS = 1 << 45  # in a thousand years
LATER = (HISTORY[at : at + PORTION] for at in count(BEFORE, PORTION))
STOP_SECONDS = 60.0


@pytest.fixture(scope="module")
def settings(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Kafka and a Redis of our own, because topics and keys have no names of our own; rows and indices have."""
    shared = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra", "objects")
    with running(("kafka", "redis"), tmp_path_factory.mktemp("own")) as own:
        told = own.settings()
        made = shared.model_copy(
            update={
                "kafka_bootstrap": told["kafka_bootstrap"],
                "redis_urls": told["redis_urls"],
                "redis_query_urls": "",
                "cassandra_keyspace": NAME,
                "elasticsearch_prefix": NAME.replace("_", "-"),
                "partitions": 2,
                "celebrity_followers": 3,
                "active_days": 1000,
                "log_level": "WARNING",
            }
        )
        cluster.prepare(made)
        yield made
        drop(made)


def drop(settings: Settings) -> None:
    if settings.elasticsearch_urls:
        with closing(Elastic(settings)) as elastic:
            for generation in (1, 2, 3):
                elasticsearch_indices.drop(elastic, settings, generation)
            elasticsearch_indices.drop_templates(elastic, settings)
    with closing(CqlSession(settings, keyspace="")) as session:
        for keyspace in keyspaces(settings):
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


@pytest.fixture(scope="module")
def stock(settings: Settings) -> Iterator[ServerStock]:
    with closing(ServerStock(settings)) as opened:
        yield opened


@pytest.fixture(scope="module")
def live(settings: Settings, stock: ServerStock) -> Iterator[None]:
    """What stream workers made of a history, and the workers, which go on."""
    publish(settings, HISTORY[:BEFORE])
    workers = subprocess.Popen([sys.executable, "-m", "streams", "all"], env=settings.environment())
    try:
        until(lambda: all(waiting(stock, it, 1) == 0 for it in kept(settings)))
        yield
    finally:
        workers.terminate()
        workers.wait(STOP_SECONDS)


@pytest.fixture
def as_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test's own process the settings of all others."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)


def kept(settings: Settings) -> list[Any]:
    return [it for it in PROJECTIONS if it.name != "search" or settings.elasticsearch_urls]


def publish(settings: Settings, events: Sequence[Event]) -> None:
    """Append events as programs of many years would have written them."""
    records = [Record(*topic_and_key(event), value) for event, value in zip(events, mixed(events), strict=True)]

    async def append() -> None:
        with closing(KafkaEventLog(settings.kafka_bootstrap)) as log:
            await log.append(records)

    asyncio.run(append())


def replayed(settings: Settings, *arguments: str) -> int:
    return ServerReplay(settings, parsed([*arguments, "--sample", "0", "--processes", "2", "--json"])).run()


def test_what_nothing_was_said_of_is_right(
    settings: Settings, as_process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before all others: where no moderator has ever decided anything, nothing was applied, and nothing is missing."""
    assert settings.profile == "cluster"
    assert audit.main(["moderation", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["right"]
    assert as_process is None


def test_old_versions_of_events_come_through_kafka_as_they_were_written(settings: Settings, live: None) -> None:
    with closing(KafkaLogReader(settings.kafka_bootstrap, FACT_TOPICS)) as log:
        batches = [log.read(*place, 0, len(HISTORY)) for place in log.end_offsets(FACT_TOPICS)]
    values = [value for batch in batches if batch is not None for value in batch.values]
    assert not Counter(mixed(HISTORY[:BEFORE])) - Counter(values)  # and what workers said of media
    newest = {entry.versions[max(entry.versions)] for entry in BY_EVENT.values()}
    assert len({schema_id_of(value) for value in values} - newest) >= 4
    assert live is None


def test_all_are_built_proven_and_promoted_while_workers_go_on(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(settings, "all") == 0, capsys.readouterr().out
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["projections"]
    assert told.keys() == {it.name for it in kept(settings)}
    for it in kept(settings):
        record, number = stock.kept.of(it.name), told[it.name]["generation"]
        assert number > 1
        assert (it.name, record.active, record.known(number).state, told[it.name]["verified"]) == (
            it.name, number, State.FOLLOWING, True,
        )  # fmt: skip
        assert waiting(stock, it, number) == 0
    assert live is None


def audited(settings: Settings, projection: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    """Audit while stream workers apply what is published now; return the exit code, and what was told."""
    publish(settings, next(LATER))
    code = audit.main([projection, "--sample", "0", "--json", *more])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_an_audit_finds_each_kind_of_error_and_a_repair_gives_readers_what_is_right(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str], as_process: None
) -> None:
    active = stock.kept.of("graph").active
    with closing(CqlSession(settings)) as session:
        lost, moved = plant_in_graph(session, active)
    code, told = audited(settings, "graph", capsys)
    found = {(it["what"], it["expected"] == "nothing", it["found"] == "nothing") for it in told["differences"]}
    assert (code, told["right"], told["generation"]) == (1, False, active)
    assert {("following", False, True), ("following", True, False), ("follow_counts", False, False)} <= found
    assert any(str(it) in told["differences"][0]["key"] for it in (*lost, *moved))
    assert any(it["positions"] for it in told["differences"])
    assert stock.kept.of("graph").active == active  # nothing is done about it unasked, and nothing is left behind
    assert {it.state for it in stock.kept.of("graph").generations} <= {State.FOLLOWING, State.FAILED}

    code, told = audited(settings, "graph", capsys, "--repair")
    assert (code, told["right"]) == (0, False)
    assert told["swapped"] == stock.kept.of("graph").active > active
    code, told = audited(settings, "graph", capsys)
    assert (code, told["right"], told["differences"]) == (0, True, [])
    assert told["rows"] > 0
    assert live is None
    assert as_process is None


def test_an_audit_finds_a_stale_name_and_a_timeline_that_lost_what_it_had(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str], as_process: None
) -> None:
    with closing(CqlSession(settings)) as session:
        accounts = named("accounts{g}", stock.kept.of("accounts").active)
        (user_id,) = session.run(f"SELECT user_id FROM {accounts} LIMIT 1")[0]
        session.run(f"UPDATE {accounts} SET display_name = 'Stale' WHERE user_id = ?", (user_id,))
    code, told = audited(settings, "accounts", capsys)
    assert (code, [it["found"] for it in told["differences"]]) == (1, ["display_name 'Stale'"])
    assert str(user_id) in told["differences"][0]["key"]

    reader = lose_a_timeline(settings, stock.kept.of("home_timeline").active, "home", "follows")
    code, told = audited(settings, "home_timeline", capsys)
    assert code == 1
    assert str(reader) in {it["key"].split(",")[0] for it in told["differences"]}
    assert live is None
    assert as_process is None


def repaired(
    projection: str, user: int, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, bool, int | None, int | None]:
    """Repair one account; return the exit code, whether all was right, rows mended, and the generation read instead."""
    code = command.main([projection, "--user", str(user), "--json", *more])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    return code, told["right"], told["mended"], told["swapped"]


def assert_read_anew(
    projection: str, user: int, stock: ServerStock, capsys: pytest.CaptureFixture[str], before: int
) -> None:
    """Repair one account by another generation, which is right."""
    code, _, mended, swapped = repaired(projection, user, capsys)
    active = stock.kept.of(projection).active
    assert (code, mended, swapped) == (0, None, active)
    assert active > before
    assert repaired(projection, user, capsys) == (0, True, None, None)


def test_a_lost_timeline_of_one_account_is_gathered_anew_or_rebuilt(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str], as_process: None
) -> None:
    active = stock.kept.of("home_timeline").active
    reader = lose_a_timeline(settings, active, "home")
    assert repaired("home_timeline", reader, capsys, "--dry-run") == (1, False, None, None)
    assert repaired("home_timeline", reader, capsys) == (0, False, 1, None)
    assert repaired("home_timeline", reader, capsys) == (0, True, None, None)

    reader = lose_a_timeline(settings, active, "home", "follows")
    assert_read_anew("home_timeline", reader, stock, capsys, active)
    assert live is None
    assert as_process is None


def test_wrong_follows_and_counts_of_one_account_are_put_right(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str], as_process: None
) -> None:
    active = stock.kept.of("graph").active
    with closing(CqlSession(settings)) as session:
        (user, *_), _ = plant_in_graph(session, active)
    assert repaired("graph", user, capsys, "--dry-run") == (1, False, None, None)
    assert stock.kept.of("graph").active == active
    assert_read_anew("graph", user, stock, capsys, active)
    assert live is None
    assert as_process is None


def test_what_the_live_one_answers_otherwise_stops_promotion(
    settings: Settings, stock: ServerStock, live: None, capsys: pytest.CaptureFixture[str]
) -> None:
    active = stock.kept.of("graph").active
    with closing(CqlSession(settings)) as session:
        session.execute(f"TRUNCATE {named('following{g}', active)}")
    assert replayed(settings, "graph") == STOPPED
    record = stock.kept.of("graph")
    assert (record.active, record.generations[-1].state) == (active, State.FAILED)
    assert "live: following user_id" in record.generations[-1].note
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["projections"]["graph"]["phase"] == "failed"
    assert live is None


def test_a_log_that_was_cut_behind_its_archive_is_replayed_from_it(
    settings: Settings, stock: ServerStock, live: None, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    if not fleet.alive("objects"):
        fleet.start("objects")
    with own_bucket(fleet, "replay"):
        told = {name: value for name, value in fleet.settings().items() if name.startswith("objects_")}
        own = settings.model_copy(update={**told, "objects_bucket": f"replay-{os.getpid()}"})
        with closing(cluster.open_log(own)) as log:
            assert runs.run(own, log, now=True).entries
            archive = open_archive(own, log)
            ends = {place: archive.end(place) for place in log.end_offsets(FACT_TOPICS)}
            assert kafka_cut.cut(own.kafka_bootstrap, ends, FAR_MS) == sum(ends.values())
        before = stock.kept.of("engagement").active
        assert replayed(own, "engagement") == 0, capsys.readouterr().out
        assert stock.kept.of("engagement").active > before
        with pytest.raises(LogError, match="neither on the log nor in the archive"):
            replayed(settings, "engagement")  # which names no object store
    assert live is None
