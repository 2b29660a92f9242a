"""The whole Higgs file through the whole system, against its known answers and a naive recomputation.

Loaded once, with readers who are active, so that timelines are pushed. Then the home timelines alone are built again
from the same log with every author a celebrity, and with every reader inactive: pushed or pulled must not show.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra import probe
from infra.auth.keys import KeyRing
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from infra.log.embedded import EmbeddedLogReader
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.status import lags
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement.read_model import Counts
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph.sqlite import SqliteGraphReader
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.accounts.events import AccountRegistered
from schemas.catalogue import ACCOUNTS, TWEETS
from schemas.codec import decode
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, TweetPosted
from tests.naive_higgs import NaiveHiggs
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.envelope import Event

pytestmark = pytest.mark.load

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MURMURATION_DATA", ROOT.parent / "shared" / "data"))
HIGGS = DATA / "higgs-activity_time.txt.gz"
LOAD_SECONDS, BUILD_SECONDS, READY_SECONDS = 900.0, 300.0, 60.0
LEAST_EVENTS_PER_SECOND = 5_000
MOST_BYTES = 1_000_000_000
USERS, BUSY_USERS, PAGE = 500, 20, 200


@dataclass
class Loaded:
    """The system's data folder after the load, and what was seen on the way."""

    settings: Settings
    summary: dict[str, Any]
    peak_bytes: dict[str, int]
    ids: dict[int, int]  # the file's number → user id
    tweet_ids: list[int]  # in the order of the log's ids: the place of an entry of the naive recomputation → its id
    originals: dict[int, list[int]]  # user id → ids of their tweets that are no retweets


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {**settings.environment(), "MURMURATION_RATE_LIMITS": "off", "MURMURATION_LOG_LEVEL": "WARNING", **more}


def watch_peaks(pid: int, peaks: dict[str, int]) -> None:
    """Note the most memory that the process and its children have held so far, by the module that each runs."""
    with suppress(OSError):
        for it in [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]:
            found = re.search(r"-m\0(?:infra\.leash\0)?([a-z_.]+)", Path(f"/proc/{it}/cmdline").read_text())
            peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{it}/status").read_text())
            if found and peak:
                peaks[found[1]] = max(peaks.get(found[1], 0), int(peak[1]) * 1024)


def events_of(settings: Settings, topic: str) -> Iterator[Event]:
    with closing(EmbeddedLogReader(settings.log_dir)) as log:
        for (_, partition), end in log.end_offsets((topic,)).items():
            at = 0
            while at < end and (batch := log.read(topic, partition, at, 5_000)):
                yield from map(decode, batch.values)
                at = batch.next_offset


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    settings = Settings(data_dir=tmp_path_factory.mktemp("higgs"))
    outcome, peaks = run_load(settings)
    ids = {
        int(event.username.removeprefix("higgs_")): event.user_id
        for event in events_of(settings, ACCOUNTS)
        if isinstance(event, AccountRegistered)
    }
    tweet_ids: list[int] = []
    originals: dict[int, list[int]] = {}
    for event in events_of(settings, TWEETS):
        assert isinstance(event, TweetPosted | Retweeted)
        tweet_ids.append(event.tweet_id)
        if isinstance(event, TweetPosted):
            originals.setdefault(event.author_id, []).append(event.tweet_id)
    return Loaded(settings, outcome, peaks, ids, sorted(tweet_ids), originals)


def run_load(settings: Settings) -> tuple[dict[str, Any], dict[str, int]]:
    command = [sys.executable, "-m", "infra.cli", "load", "higgs", str(HIGGS), "--active", "--json"]
    out, peaks = settings.data_dir / "load.out", dict[str, int]()
    with out.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(settings), stdout=file, stderr=file)
    deadline = time.monotonic() + LOAD_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        watch_peaks(process.pid, peaks)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    process.kill()
    assert process.returncode == 0, out.read_text()[-2000:]
    summary: dict[str, Any] = json.loads(out.read_text().splitlines()[-1])
    return summary, peaks


@pytest.fixture(scope="module")
def naive() -> NaiveHiggs:
    return NaiveHiggs.read(HIGGS)


def test_it_is_fast_and_modest(loaded: Loaded, record_property: Callable[[str, object], None]) -> None:
    record_property("load", loaded.summary["message"])
    record_property("peak memory", {name: f"{peak // 1_000_000} MB" for name, peak in loaded.peak_bytes.items()})
    assert loaded.summary["events_per_s"] >= LEAST_EVENTS_PER_SECOND, loaded.summary
    assert {"commands.imports", "streams"} <= set(loaded.peak_bytes)
    assert max(loaded.peak_bytes.values()) < MOST_BYTES, loaded.peak_bytes


def test_the_known_answers_stand_in_every_projection(loaded: Loaded, naive: NaiveHiggs) -> None:
    folder = loaded.settings.projections_dir
    users = list(loaded.ids.values())
    with closing(SqliteAccountsReader(generation_path(folder, "accounts"))) as accounts:
        assert sum(len(accounts.many(users[at : at + 1000])) for at in range(0, len(users), 1000)) == 304_691
    with closing(SqliteGraphReader(generation_path(folder, "graph"))) as graph:
        pages = [graph.counts(users[at : at + 1000]).values() for at in range(0, len(users), 1000)]
        assert sum(count.following for page in pages for count in page) == 461_192
        assert sum(count.followers for page in pages for count in page) == 461_192
    with closing(SqliteTweetsReader(generation_path(folder, "tweets"))) as tweets:
        totals = [tweets.counts_by_author(users[at : at + 1000]).values() for at in range(0, len(users), 1000)]
        assert sum(count for page in totals for count in page) == 603_702
    kinds = Counter(entry.kind for entry in naive.entries)
    assert (kinds["RETWEET"], kinds["REPLY"]) == (354_930, 36_902)
    assert sum(entry.mentions is not None for entry in naive.entries) == 171_237


def test_engagement_is_counted_exactly(loaded: Loaded, naive: NaiveHiggs) -> None:
    ids = [tweet_id for tweets in loaded.originals.values() for tweet_id in tweets]
    with closing(SqliteEngagementReader(generation_path(loaded.settings.projections_dir, "engagement"))) as engagement:
        pages = [engagement.counts(ids[at : at + 1000]) for at in range(0, len(ids), 1000)]
    counts = {tweet_id: Counts(*count) for page in pages for tweet_id, count in page.items()}
    retweets = {tweet_id: count.retweets for tweet_id, count in counts.items() if count.retweets}
    assert retweets == {loaded.tweet_ids[place]: count for place, count in naive.retweets().items()}
    assert sum(count.replies for count in counts.values()) == 36_902
    assert sum(retweets.get(tweet_id, 0) for tweet_id in loaded.originals[loaded.ids[88]]) == 18_977
    assert max(retweets.get(tweet_id, 0) for tweet_id in loaded.originals[loaded.ids[14454]]) == 4_064
    assert max(retweets.values()) == 4_064


def test_pushed_timelines_equal_the_naive_recomputation(loaded: Loaded, naive: NaiveHiggs) -> None:
    compare_home_timelines(loaded, naive)


@pytest.mark.parametrize("setting", ["CELEBRITY_FOLLOWERS", "ACTIVE_DAYS"])
def test_pulled_timelines_equal_the_naive_recomputation(loaded: Loaded, naive: NaiveHiggs, setting: str) -> None:
    build_home_timelines_again(loaded.settings, {f"MURMURATION_{setting}": "0"})
    compare_home_timelines(loaded, naive, {f"MURMURATION_{setting}": "0"})


def test_a_second_load_changes_nothing(loaded: Loaded) -> None:
    with closing(EmbeddedLogReader(loaded.settings.log_dir)) as log:
        before = log.end_offsets((ACCOUNTS, TWEETS, "follows", "imports"))
        outcome, _ = run_load(loaded.settings)
        assert log.end_offsets((ACCOUNTS, TWEETS, "follows", "imports")) == before
    assert outcome["message"].startswith("already loaded")


def build_home_timelines_again(settings: Settings, more: dict[str, str]) -> None:
    for path in generation_path(settings.projections_dir, "home_timeline").parent.glob("g1.db*"):
        path.unlink()
    command = [sys.executable, "-m", "streams", "home_timeline"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(settings, **more))
    try:
        until(lambda: {lag.projection: lag.events for lag in lags(settings)}["home_timeline"] == 0, BUILD_SECONDS)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(READY_SECONDS)


@contextmanager
def query_api(settings: Settings, more: dict[str, str]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served = environment(settings, MURMURATION_QUERY_PORT=str(port), **more)
    process = subprocess.Popen([sys.executable, "-m", "query_api"], cwd=ROOT, env=served)
    try:
        until(lambda: probe.is_ready("127.0.0.1", port), READY_SECONDS)
        yield f"http://127.0.0.1:{port}/api/v1/timeline/home"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(READY_SECONDS)


def compare_home_timelines(loaded: Loaded, naive: NaiveHiggs, more: dict[str, str] | None = None) -> None:
    """Random users by their first page, the busiest readers by every page."""
    dice = random.Random(2012)
    busy = sorted(naive.followees, key=lambda user: len(naive.followees[user]), reverse=True)[:BUSY_USERS]
    some = dice.sample(sorted(loaded.ids), USERS)
    tokens = AccessTokens(KeyRing(loaded.settings.keys_dir), SystemClock(), 900)
    places = {tweet_id: place for place, tweet_id in enumerate(loaded.tweet_ids)}
    with query_api(loaded.settings, more or {}) as url, httpx.Client(timeout=30) as client:
        for user, pages in [*((user, 1) for user in some), *((user, 1_000) for user in busy)]:
            headers = {"Authorization": f"Bearer {tokens.issue(loaded.ids[user], 1)}"}
            before, max_id = None, None
            for _ in range(pages):
                params = {"limit": PAGE, **({"max_id": max_id} if max_id else {})}
                answer = client.get(url, params=params, headers=headers)
                assert answer.status_code == httpx.codes.OK, answer.text
                page = answer.json()
                shown = [shown_entry(tweet, places) for tweet in page["tweets"]]
                wanted = naive.home(user, PAGE, before)
                assert shown == [(it.place, it.kind, f"higgs_{it.author}", it.of) for it in wanted], user
                if not page["has_more"]:
                    break
                before, max_id = wanted[-1].place, page["next_max_id"]


def shown_entry(tweet: dict[str, Any], places: dict[int, int]) -> tuple[int, str, str, int | None]:
    of = tweet["retweeted_tweet_id"] or tweet["reply_to_tweet_id"]
    return place_of(tweet["tweet_id"], places), tweet["type"], tweet["user"]["username"], of and place_of(of, places)


def place_of(uuid: str, places: dict[int, int]) -> int:
    tweet_id = from_uuid(uuid)
    assert tweet_id is not None
    return places[tweet_id]
