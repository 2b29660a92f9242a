"""Search on servers: a page of ids from Elasticsearch beside the bare query, and from the 201 to the search with it.

`python -m benchmarks.cluster_search`, part of `python -m benchmarks cluster`. MURMURATION_BENCH_TWEETS sets the size of
the corpus; questions and corpus are those of benchmarks/search_data.py. The bare query is the same request, its bytes
made before, on one connection of the standard library's HTTP client. Needs the extra `cluster`.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from benchmarks.cluster_servers import ALL, started
from benchmarks.cpu import wait_for_rest
from benchmarks.delivery_latency import percentile
from benchmarks.row import Row
from benchmarks.search import NOT_SPAM, PAGE, found_row, spent_ms, until_found
from benchmarks.search_data import batches, project, questions, tweets_wanted
from infra.bridge import bridged
from infra.elastic import Elastic
from infra.log.port import Span
from infra.projections import placed
from projections.search import elasticsearch_indices
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.search.elasticsearch_reader import ElasticsearchSearchReader
from query_api.paging import first_read
from tests.e2e.on_servers import SystemOnServers

if TYPE_CHECKING:
    from infra.settings import Settings
    from projections.search.read_model import Criteria

TWEETS = 100_000
QUESTIONS = 1_000
WARM_UP = 1_500  # posts, 50 s: until then three JVMs compile what they run, on the same two cores
NAMES = (*ALL, "elasticsearch")


class Recorder(Elastic):
    """Sends, and remembers what it sent last."""

    last: tuple[str, str, bytes] = ("", "", b"")

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        """Ask."""
        self.last = (method, target, orjson.dumps(body))
        return super().ask(method, target, body)


def fill(elastic: Elastic, settings: Settings, count: int) -> float:
    """Fill the index; return how many tweets a second it took."""
    elasticsearch_indices.make(elastic, settings)
    store, write = ElasticsearchSearchStore(elastic, settings, "bench"), placed(project)
    start, spent = 0, 0.0
    for batch in batches(count):
        writes = write(batch)
        began = time.perf_counter()
        store.apply(writes, Span("tweets", 0, start, start + len(batch)))
        spent += time.perf_counter() - began
        start += len(batch)
    return count / spent


def bare_ms(settings: Settings, asked: list[tuple[str, str, bytes]]) -> list[float]:
    """Return what each request took by itself."""
    headers = {"content-type": "application/json"}
    where = settings.elasticsearch_urls.removeprefix("http://")
    with closing(http.client.HTTPConnection(where)) as connection:

        def ask(request: tuple[str, str, bytes]) -> None:
            method, target, body = request
            connection.request(method, target, body, headers)
            connection.getresponse().read()

        return spent_ms(ask, asked)


def searched(elastic: Recorder, settings: Settings, count: int) -> list[Row]:
    """Ask by the reader, below the bridge as the query process does, and by the bare request."""
    reader, asked, limit = ElasticsearchSearchReader(elastic, settings), questions(QUESTIONS), first_read(PAGE)
    requests = []
    for it in asked:  # which warms the engine, too
        reader.tweets(it, None, limit)
        requests.append(elastic.last)

    async def ask_all() -> list[float]:
        return spent_ms(lambda it: reader.tweets(it, None, limit), asked)

    async def below(_: list[Criteria]) -> list[float]:
        return await bridged(ask_all())

    ours, bare = uvloop.run(below(asked)), bare_ms(settings, requests)
    name = f"search among {count:,} tweets, Elasticsearch"
    return [
        Row(f"{name}, p50", percentile(ours, 50), "ms", {"bare request": percentile(bare, 50)}, "at most 2 x"),
        Row(f"{name}, p99", percentile(ours, 99), "ms", {"bare request": percentile(bare, 99)}, "at most 2 x, < 50 ms"),
    ]


def rows() -> list[Row]:
    """Measure."""
    count = tweets_wanted(TWEETS)
    with started(*NAMES) as servers:
        with closing(Recorder(servers.settings)) as elastic:
            try:
                rate = fill(elastic, servers.settings, count)
                wait_for_rest()
                measured = searched(elastic, servers.settings, count)
            finally:
                elasticsearch_indices.drop(elastic, servers.settings)
                elasticsearch_indices.drop_templates(elastic, servers.settings)
        with SystemOnServers(servers.fleet, servers.settings.data_dir, spam_threshold=NOT_SPAM) as system:
            wait_for_rest()
            measured.append(found_row(asyncio.run(until_found(system, WARM_UP)), "Elasticsearch", "< 1,000 ms"))
    return [*measured, Row("tweets into Elasticsearch, shown with each batch", rate, "tweets/s", {}, "")]


if __name__ == "__main__":
    for row in rows():
        print(row)
