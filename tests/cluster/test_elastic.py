"""What is made of Elasticsearch's answers: what may pass, what may not, and what is said where it is not what it is."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra.bridge import bridged
from infra.cluster import entrusted
from infra.elastic import Elastic, ElasticError
from infra.log.port import Span, TopicPartition
from infra.projections import Placed, RejectedWriteError, StoreError, StoreUnavailableError, WrongSpanError
from infra.trouble import TroubleError
from projections.search import elasticsearch, elasticsearch_bulk, elasticsearch_showing
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.search.projector import IndexTweet
from tests.cluster.scripted_elastic import LOG_ID, scripted, taken
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.scripted_elastic import Answer, Scripted

pytestmark = pytest.mark.cluster

SPAN = Span("tweets", 0, 0, 60)
TWEETS = [Placed(at, IndexTweet(at, "cat", "", "every")) for at in range(60)]


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as made:
        yield made


@pytest.fixture
def elastic(server: Scripted) -> Iterator[Elastic]:
    with closing(Elastic(server.settings(), seconds=5.0)) as made:
        yield made


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch, "FIRST_WAIT_SECONDS", 0.001)


def opened(elastic: Elastic, server: Scripted) -> ElasticsearchSearchStore:
    return ElasticsearchSearchStore(elastic, server.settings(), LOG_ID)


async def test_below_the_bridge_it_asks_the_same(server: Scripted, elastic: Elastic) -> None:
    async def ask() -> str:
        return elastic.version()

    assert (await bridged(ask()), elastic.version()) == ("8.19.21", "8.19.21")
    assert server.asked == ["GET /_nodes/http?filter_path=nodes.*.version"] * 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_worth_another_try(server: Scripted, elastic: Elastic, status: int) -> None:
    server.on["_search"] = lambda: (status, {"error": {"type": "busy", "reason": "later"}})
    with pytest.raises(StoreUnavailableError, match="later"):
        elastic.ask("POST", "/x/_search", {})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_was_refused_is_not(server: Scripted, elastic: Elastic, status: int) -> None:
    server.on["_search"] = lambda: (status, {"error": "no"})
    with pytest.raises(ElasticError, match=f"{status}: no"):
        elastic.ask("POST", "/x/_search", {})


def test_a_node_that_is_away_is_passed_by(server: Scripted) -> None:
    urls = f"http://127.0.0.1:{free_port()},{server.settings().elasticsearch_urls}"
    with closing(Elastic(server.settings(elasticsearch_urls=urls))) as elastic:
        assert [elastic.version() for _ in range(3)] == ["8.19.21"] * 3


async def test_who_does_not_answer_is_told_without_the_password() -> None:
    where = f"127.0.0.1:{free_port()}"
    with scripted() as server:
        settings = server.settings(elasticsearch_urls=f"http://ada:secret@{where}")

    async def ask(elastic: Elastic) -> str:
        return elastic.version()

    with closing(Elastic(settings)) as elastic:
        with pytest.raises(StoreUnavailableError, match=f"{where} does not answer") as below:
            await bridged(ask(elastic))
        with pytest.raises(StoreUnavailableError, match=f"{where} does not answer") as plain:
            await ask(elastic)
    assert "secret" not in str(below.value) + str(plain.value)


@pytest.mark.parametrize(("status", "said"), [(200, b"<html>hello"), (200, {}), (200, [])])
def test_who_is_no_elasticsearch_is_told(server: Scripted, elastic: Elastic, status: int, said: Any) -> None:
    server.on["http"] = lambda: (status, said)
    with pytest.raises(StoreError, match="does not answer as Elasticsearch does"):
        opened(elastic, server)


def test_another_version_is_named_in_one_line(server: Scripted, elastic: Elastic) -> None:
    server.version = "7.17.9"
    with pytest.raises(TroubleError, match=r"is version 7\.17\.9; Murmuration speaks to version 8"):
        opened(elastic, server)


def test_indices_of_another_version_or_of_none_are_named(server: Scripted, elastic: Elastic) -> None:
    server.schema_version = 0
    with pytest.raises(TroubleError, match="murmuration-search-tweets-g1 is of schema 0, this version wants 1"):
        opened(elastic, server)
    server.on["_mapping"] = lambda: (404, {})
    with pytest.raises(TroubleError, match="is missing; make it: `murmur migrate`"):
        opened(elastic, server)


@pytest.mark.parametrize("urls", ["", "127.0.0.1:9200", "http://", "http://h:1,http://ada:secret@h:x"])
def test_urls_that_cannot_be_read_are_named(server: Scripted, urls: str) -> None:
    with pytest.raises(TroubleError, match=r"http://host:port") as raised:
        Elastic(server.settings(elasticsearch_urls=urls))
    assert "secret" not in str(raised.value)


def test_certificates_that_are_not_there_are_named(server: Scripted) -> None:
    settings = server.settings(elasticsearch_urls="https://localhost:9200", elasticsearch_ca_file="/nowhere.pem")
    with pytest.raises(TroubleError, match=r"there is no file /nowhere\.pem"):
        Elastic(settings)


def test_a_store_opens_when_elasticsearch_comes(server: Scripted, elastic: Elastic) -> None:
    server.on["http"] = lambda: (503, {"error": "no master"})
    store = opened(elastic, server)
    for ask in (store.checkpoints, lambda: store.apply(TWEETS, SPAN)):
        with pytest.raises(StoreUnavailableError, match="no master"):
            ask()
    server.on["http"] = lambda: (200, {"nodes": {"one": {"version": "7.17.9"}}})
    with pytest.raises(StoreError, match="is version"):
        store.checkpoints()
    del server.on["http"]
    store.apply(TWEETS, SPAN)
    assert len(server.bulks) == 1


def test_a_store_of_another_log_is_told_when_it_opens(server: Scripted, elastic: Elastic) -> None:
    with pytest.raises(WrongSpanError, match="hold log a-log; wanted: another"):
        ElasticsearchSearchStore(elastic, server.settings(), "another")


def test_what_is_written_is_shown_before_the_checkpoint(
    server: Scripted, elastic: Elastic, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(elastic, server)
    store.checkpoints()
    server.asked.clear()
    store.apply(TWEETS, SPAN)
    tweets, progress = "/murmuration-search-tweets-g1", "/murmuration-search-progress-g1"
    bulk, refresh = f"POST {tweets}/{elasticsearch_bulk._BULK}", f"POST {tweets}/_refresh"
    checkpoint, listed = f"POST {progress}/{elasticsearch_bulk._BULK}", f"POST {progress}/_refresh"
    assert server.asked == [bulk, refresh, checkpoint, listed]
    assert server.checkpoints == [{"tweets-0": 60}]
    server.on["checkpoints"] = lambda: taken(server.checkpoints[-1], {"tweets-0": 200})
    monkeypatch.setattr(elasticsearch, "BULK_DOCUMENTS", 40)
    store = opened(elastic, server)
    store.checkpoints()
    server.asked.clear()
    store.apply(TWEETS, SPAN)
    assert server.asked == [bulk, bulk, refresh, checkpoint]
    server.asked.clear()
    store.apply([], SPAN._replace(start=60, end=70))
    assert server.asked == [checkpoint]
    assert server.checkpoints[-1] == {"tweets-0": 70}


def refreshes(server: Scripted) -> int:
    return sum("tweets-g1/_refresh" in asked for asked in server.asked)


def one(offset: int) -> tuple[list[Placed], Span]:
    return TWEETS[:1], Span("tweets", 0, offset, offset + 1)


@pytest.fixture
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows within a second follows soon, on a slow machine too."""
    monkeypatch.setattr(elasticsearch_showing, "SHOW_SECONDS", 1.0)


@pytest.mark.usefixtures("_seldom")
async def test_what_comes_fast_below_the_bridge_is_shown_together_soon(server: Scripted, elastic: Elastic) -> None:
    store = opened(elastic, server)

    async def apply(offset: int) -> None:
        store.apply(*one(offset))

    for offset in range(20):
        await bridged(apply(offset))
    assert len(server.bulks) == 20
    await eventually(lambda: {"tweets-0": 20} in server.checkpoints)
    assert refreshes(server) < 10


async def test_the_next_is_written_while_the_last_is_being_shown_and_shown_after_it(
    server: Scripted, elastic: Elastic
) -> None:
    store = opened(elastic, server)
    store.checkpoints()
    second_is_written = threading.Event()

    def refresh() -> Answer:
        return (200, {}) if second_is_written.wait(20) else (500, {})

    server.on["_refresh"] = refresh

    async def apply(offset: int) -> None:
        store.apply(*one(offset))

    await bridged(apply(0))
    await eventually(lambda: refreshes(server) == 1)
    await bridged(apply(1))
    second_is_written.set()
    await eventually(lambda: {"tweets-0": 2} in server.checkpoints)
    assert server.checkpoints == [{"tweets-0": 1}, {"tweets-0": 2}]


async def test_what_is_applied_is_told_as_a_checkpoint_when_somebody_asks(server: Scripted, elastic: Elastic) -> None:
    store = opened(elastic, server)

    async def apply_and_ask() -> None:
        for offset in range(3):
            store.apply(*one(offset))
        store.checkpoints()
        assert server.checkpoints[-1] == {"tweets-0": 3}

    await bridged(apply_and_ask())


@pytest.mark.usefixtures("_seldom")
async def test_what_could_not_be_shown_is_shown_when_elasticsearch_is_back(server: Scripted, elastic: Elastic) -> None:
    store = opened(elastic, server)

    async def apply(offset: int) -> None:
        store.apply(*one(offset))

    await bridged(apply(0))
    server.on["_refresh"] = lambda: (503, {"error": "no master"})
    await bridged(apply(1))  # written, to be shown soon
    await eventually(lambda: refreshes(server) > 2)
    assert {"tweets-0": 2} not in server.checkpoints
    del server.on["_refresh"]
    await eventually(lambda: {"tweets-0": 2} in server.checkpoints)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for announces nothing
            await asyncio.sleep(0.01)


def test_what_is_turned_down_comes_again_alone_and_in_smaller_portions(server: Scripted, elastic: Elastic) -> None:
    busy = [{"7": 429, "9": 429}, {"9": 429}, {}]
    server.on["_bulk"] = lambda: taken(server.bulks[-1], busy[len(server.bulks) - 1])
    store = opened(elastic, server)
    store.apply(TWEETS, SPAN)
    assert [len(bulk) for bulk in server.bulks] == [60, 2, 1]
    assert server.bulks[1:] == [["7", "9"], ["9"]]
    assert store._at_once < elasticsearch.BULK_DOCUMENTS


def test_who_stays_busy_is_left_to_the_loop_and_the_checkpoint_does_not_move(
    server: Scripted, elastic: Elastic
) -> None:
    server.on["_bulk"] = lambda: taken(server.bulks[-1], dict.fromkeys(server.bulks[-1], 429))
    store = opened(elastic, server)
    with pytest.raises(StoreUnavailableError, match="busy"):
        store.apply(TWEETS, SPAN)
    assert not server.checkpoints
    server.on["_bulk"] = lambda: taken(server.bulks[-1], {})
    store.apply(TWEETS, SPAN)
    assert store._next == {TopicPartition("tweets", 0): 60}


def test_what_elasticsearch_has_newer_is_no_error(server: Scripted, elastic: Elastic) -> None:
    server.on["_bulk"] = lambda: taken(server.bulks[-1], {"3": 409}, "version_conflict_engine_exception")
    server.on["checkpoints"] = lambda: taken(server.checkpoints[-1], {"tweets-0": 409}, "version_conflict")
    opened(elastic, server).apply(TWEETS, SPAN)
    assert len(server.bulks) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RejectedWriteError), (404, StoreError), (500, StoreUnavailableError)]
)
def test_a_document_that_fails_is_told_by_its_kind(
    server: Scripted, elastic: Elastic, status: int, kind: type[StoreError]
) -> None:
    server.on["_bulk"] = lambda: taken(server.bulks[-1], {"3": status})
    with pytest.raises(kind, match="3: no: so it is"):
        opened(elastic, server).apply(TWEETS, SPAN)


def test_the_query_process_is_given_the_log_in_that_only_reads(server: Scripted) -> None:
    logins = {"elasticsearch_user": "writer", "elasticsearch_password": "w"}
    reading = {"elasticsearch_query_user": "reader", "elasticsearch_query_password": "r"}
    settings = server.settings(**logins, **reading)
    query, app = entrusted(settings, "query"), entrusted(settings, "app")
    assert (query.elasticsearch_user, query.elasticsearch_password) == ("reader", "r")
    assert (app.elasticsearch_user, app.elasticsearch_password, app.elasticsearch_query_password) == ("writer", "w", "")
    assert entrusted(server.settings(**logins), "query").elasticsearch_user == "writer"
