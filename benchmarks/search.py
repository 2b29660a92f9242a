"""Search in files: the index at 1 M tweets beside the bare query of FTS5, and from the 201 to the search that shows it.

`python -m benchmarks search`; MURMURATION_BENCH_TWEETS sets the size (a million takes two minutes to fill). The mix of
questions is that of benchmarks/search_data.py; each is one page of 50 tweets. Over HTTP the answer holds the tweets,
hydrated, from the real query process, one question after the other. The bare query is the statement alone, on a
connection of its own, the expression made before.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import uvloop

from benchmarks import feed_data, http_load
from benchmarks.delivery_latency import LIMITS, percentile, register
from benchmarks.home_timeline import server
from benchmarks.row import Row
from benchmarks.search_data import batches, questions, tweets_wanted
from infra.log.port import Span
from infra.settings import Settings
from infra.sqlite.connections import open_reader
from infra.sqlite.connections import rows as select
from infra.sqlite.projection_store import generation_path
from projections.search.read_model import By, Phrase, Tagged
from projections.search.sqlite import SqliteSearchReader, expression
from query_api.paging import first_read
from schemas.ids import MAX_ID
from streams.projections import PROJECTIONS
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from projections.search.read_model import Atom, Criteria

TWEETS = 1_000_000
QUESTIONS = 2_000
PAGE = 50
POSTS, POSTS_PER_SECOND = 240, 30.0
WARM_UP = 60  # posts before these, not counted: the first of anything is slow
WAIT_MS = 5_000
FOUND_SECONDS = 60.0  # all of them
NOT_SPAM = "0"  # one who posts so much would be a spammer, whom strangers do not find
_BARE = "SELECT rowid FROM tweets WHERE tweets MATCH ? AND rowid >= 0 AND rowid < ? ORDER BY rowid DESC LIMIT ?"


def fill(settings: Settings, count: int) -> float:
    """Fill the read models; return how many tweets a second the search index took."""
    feed_data.make_surroundings(settings)
    stores = {
        it.name: it.open_store(generation_path(settings.projections_dir, it.name), "bench", settings)
        for it in PROJECTIONS
    }
    projects = {it.name: it.project for it in PROJECTIONS}
    start, indexing = 0, 0.0
    for batch in batches(count):
        span = Span("tweets", 0, start, start + len(batch))
        for name in ("tweets", "search"):
            began = time.perf_counter()
            stores[name].apply(projects[name](batch), span)
            indexing += (time.perf_counter() - began) * (name == "search")
        start = span.end
    for store in stores.values():
        store.close()
    return count / indexing


def spent_ms(ask: Callable[[Any], object], asked: Sequence[Any]) -> list[float]:
    """Return what each took."""
    spent = []
    for it in asked:
        began = time.perf_counter()
        ask(it)
        spent.append((time.perf_counter() - began) * 1e3)
    return spent


def typed(criteria: Criteria) -> str:
    """Return the criteria as somebody would type them; accounts that the index alone knows are left out."""
    return " ".join([*filter(None, map(_typed, criteria.required)), *(f"-{_typed(it)}" for it in criteria.excluded)])


def _typed(atom: Atom) -> str:
    match atom:
        case Phrase(words):
            return '"{}"'.format(" ".join(words))
        case Tagged(tag):
            return f"#{tag}"
        case _:
            return ""


def searched(settings: Settings) -> list[Row]:
    """Ask the index by its reader, by the bare statement, and over HTTP."""
    asked = questions(QUESTIONS)
    path = generation_path(settings.projections_dir, "search")
    limit = first_read(PAGE)
    with closing(SqliteSearchReader(path)) as reader, closing(open_reader(path)) as connection:
        expressions = [expression(it) for it in asked]

        def bare(match: str) -> object:
            return select(connection, _BARE, (match, MAX_ID, limit))

        for it in expressions[:200]:
            bare(it)
        ours = spent_ms(lambda it: reader.tweets(it, None, limit), asked)
        beside = spent_ms(bare, expressions)
    texts = [text for it in asked if not any(isinstance(atom, By) for atom in it.required) if (text := typed(it))]
    token = feed_data.tokens(settings, 1)[0]
    requests = [http_load.request(f"/api/v1/search/tweets?limit={PAGE}&q={quote(text)}", token) for text in texts]
    with server(settings.data_dir) as (_, port):
        over_http = uvloop.run(http_load.closed_loop(port, requests, 1, 10.0))
    size = f"{tweets_wanted(TWEETS):,} tweets"
    hydrated = f"GET /search/tweets, {PAGE} hydrated of {size}"
    bare_at = {share: {"bare FTS5": percentile(beside, share)} for share in (50, 99)}
    return [
        Row(f"search among {size}, p50", percentile(ours, 50), "ms", bare_at[50], "at most 2 x"),
        Row(f"search among {size}, p99", percentile(ours, 99), "ms", bare_at[99], "at most 2 x"),
        Row(f"{hydrated}, p50", over_http.percentile(50), "ms", {"answers": len(over_http.latencies_ms)}, "< 5 ms"),
        Row(f"{hydrated}, p99", over_http.percentile(99), "ms", {}, "< 50 ms"),
    ]


async def _one(client: httpx.AsyncClient, running: System, author: dict[str, str], number: int) -> float:
    """Post, and search until it is found: milliseconds from the 201."""
    body = {"content": f"starling number{number}"}
    answer = (await client.post(f"{running.commands}/api/v1/tweets", json=body, headers=author)).raise_for_status()
    acknowledged = time.perf_counter()
    headers = {"X-Consistency-Token": answer.headers["X-Consistency-Token"]}
    params: dict[str, Any] = {"q": f"number{number}", "wait_ms": WAIT_MS}
    while True:
        found = await client.get(f"{running.query}/api/v1/search/tweets", params=params, headers=headers)
        if found.raise_for_status().json()["tweets"]:
            return (time.perf_counter() - acknowledged) * 1e3


async def until_found(running: System, warm_up: int = WARM_UP) -> list[float]:
    """Post at a fixed rate, whatever the answers take; search each with its token."""
    async with httpx.AsyncClient(timeout=15, limits=LIMITS) as client:
        _, author = await register(client, running, "author")
        began, posts = time.perf_counter(), []
        for number in range(warm_up + POSTS):
            await asyncio.sleep(max(0.0, began + number / POSTS_PER_SECOND - time.perf_counter()))
            posts.append(asyncio.create_task(_one(client, running, author, number)))
        return (await asyncio.wait_for(asyncio.gather(*posts), FOUND_SECONDS))[warm_up:]


def found_row(waits: list[float], engine: str, goal: str) -> Row:
    """Return how long a search waited for a tweet."""
    name = f"201 → found by a search, {engine}, {POSTS_PER_SECOND:.0f}/s, p99"
    return Row(name, percentile(waits, 99), "ms", {"p50": percentile(waits, 50)}, goal)


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        rate = fill(settings, tweets_wanted(TWEETS))
        size = generation_path(settings.projections_dir, "search").stat().st_size / tweets_wanted(TWEETS)
        measured = searched(settings)
    with tempfile.TemporaryDirectory() as name, System(Path(name), spam_threshold=NOT_SPAM) as running:
        measured.append(found_row(asyncio.run(until_found(running)), "FTS5", "< 250 ms"))
    return [*measured, Row("tweets into the search index (files)", rate, "tweets/s", {"bytes a tweet": size}, "")]


if __name__ == "__main__":
    for row in rows():
        print(row)
