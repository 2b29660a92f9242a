"""The whole Higgs file through the whole system, against its known answers and a naive recomputation.

Loaded once, with readers who are active, so that timelines are pushed. Then the home timelines alone are built again
from the same log with every author a celebrity, and with every reader inactive: pushed or pulled must not show.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from infra import probe
from infra.log.embedded import EmbeddedLogReader
from infra.settings import Settings
from infra.sqlite.connections import open_reader, rows
from infra.sqlite.projection_store import generation_path
from infra.status import lags
from projections.accounts.sqlite import SqliteAccountsReader
from projections.engagement.sqlite import SqliteEngagementReader
from projections.graph.sqlite import SqliteGraphReader
from projections.tweets.sqlite import SqliteTweetsReader
from schemas.catalogue import ACCOUNTS, FACT_TOPICS, TWEETS
from schemas.codec import decode
from tests.higgs_checks import (
    Loaded,
    Readers,
    check_engagement,
    check_home_timelines,
    check_notifications,
    check_totals,
)
from tests.naive_higgs import NaiveHiggs
from tests.naive_notifications import facts_of_higgs
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.load

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MURMURATION_DATA", ROOT.parent / "shared" / "data"))
HIGGS = DATA / "higgs-activity_time.txt.gz"
LOAD_SECONDS, BUILD_SECONDS, READY_SECONDS = 900.0, 300.0, 60.0
LEAST_EVENTS_PER_SECOND = 5_000
LEAST_OF_PLAIN = 0.15  # two processes, eight projections, two readings of most records, and verification
MOST_BYTES = 1_000_000_000
USERS, BUSY_USERS = 500, 20


class Run(NamedTuple):
    """The system's data folder after the load, what was seen on the way, and what the log holds."""

    settings: Settings
    summary: dict[str, Any]
    peak_bytes: dict[str, int]
    log: Loaded


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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = Settings(data_dir=tmp_path_factory.mktemp("higgs"))
    outcome, peaks = run_load(settings)
    with closing(EmbeddedLogReader(settings.log_dir)) as log:
        return Run(settings, outcome, peaks, Loaded.read(log))


@pytest.fixture(scope="module")
def readers(run: Run) -> Iterator[Readers]:
    def path(projection: str) -> Path:
        return generation_path(run.settings.projections_dir, projection)

    with (
        closing(SqliteAccountsReader(path("accounts"))) as accounts,
        closing(SqliteGraphReader(path("graph"))) as graph,
        closing(SqliteTweetsReader(path("tweets"))) as tweets,
        closing(SqliteEngagementReader(path("engagement"))) as engagement,
    ):
        yield Readers(accounts, graph, tweets, engagement)


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


def test_it_is_fast_and_modest(run: Run, record_property: Callable[[str, object], None]) -> None:
    record_property("load", run.summary["message"])
    record_property("peak memory", {name: f"{peak // 1_000_000} MB" for name, peak in run.peak_bytes.items()})
    assert run.summary["events_per_s"] >= LEAST_EVENTS_PER_SECOND, run.summary
    assert {"commands.imports", "streams"} <= set(run.peak_bytes)
    assert max(run.peak_bytes.values()) < MOST_BYTES, run.peak_bytes


def test_the_known_answers_stand_in_every_projection(run: Run, naive: NaiveHiggs, readers: Readers) -> None:
    check_totals(run.log, naive, readers)
    assert (len(naive.accounts), len(naive.follows), len(naive.entries)) == (304_691, 461_192, 603_702)
    kinds = Counter(entry.kind for entry in naive.entries)
    assert (kinds["RETWEET"], kinds["REPLY"]) == (354_930, 36_902)
    assert sum(entry.mentions is not None for entry in naive.entries) == 171_237


def test_engagement_is_counted_exactly(run: Run, naive: NaiveHiggs, readers: Readers) -> None:
    counts = check_engagement(run.log, naive, readers)
    assert sum(count.replies for count in counts.values()) == 36_902
    retweets = {tweet_id: count.retweets for tweet_id, count in counts.items()}
    assert sum(retweets.get(tweet_id, 0) for tweet_id in run.log.originals[run.log.ids[88]]) == 18_977
    assert max(retweets.get(tweet_id, 0) for tweet_id in run.log.originals[run.log.ids[14454]]) == 4_064
    assert max(retweets.values()) == 4_064


def test_everybody_is_notified_of_what_the_naive_recomputation_says(run: Run, naive: NaiveHiggs) -> None:
    words = {"mention": 1, "reply": 2, "retweet": 5, "follow": 6}
    wanted = [(it.recipient, it.tweet, words[it.kind], it.actor, it.at_ms, 1) for it in facts_of_higgs(run.log, naive)]
    with closing(open_reader(generation_path(run.settings.projections_dir, "notifications"))) as connection:
        assert rows(connection, "SELECT * FROM notices ORDER BY 1, 2, 3, 4") == sorted(wanted)
    with query_api(run.settings, {}) as url:
        check_notifications(run.log, naive, run.settings.keys_dir, url, USERS // 2, BUSY_USERS // 2)


def test_pushed_timelines_equal_the_naive_recomputation(run: Run, naive: NaiveHiggs) -> None:
    compare_home_timelines(run, naive)


@pytest.mark.parametrize("setting", ["CELEBRITY_FOLLOWERS", "ACTIVE_DAYS"])
def test_pulled_timelines_equal_the_naive_recomputation(run: Run, naive: NaiveHiggs, setting: str) -> None:
    build_home_timelines_again(run.settings, {f"MURMURATION_{setting}": "0"})
    compare_home_timelines(run, naive, {f"MURMURATION_{setting}": "0"})


def test_everything_is_replayed_as_it_is_live(run: Run, record_property: Callable[[str, object], None]) -> None:
    plain = plain_events_per_second(run.settings)
    command = [sys.executable, "-m", "streams", "replay", "all", "--no-promote", "--json"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(run.settings), capture_output=True, text=True,
        timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert {it["verified"] for it in told["projections"].values()} == {True}
    assert all("as in generation 1" in it["report"] for it in told["projections"].values())
    with closing(EmbeddedLogReader(run.settings.log_dir)) as log:
        events = sum(log.end_offsets(FACT_TOPICS).values())
    rate = events / told["seconds"]
    beside = f"{plain:,.0f} events/s read and decoded by one process"
    record_property("replay, verified", f"{rate:,.0f} events/s into all projections; {beside}")
    assert rate >= LEAST_OF_PLAIN * plain, (rate, plain)


def plain_events_per_second(settings: Settings) -> float:
    """How fast one process reads and decodes the log, and does nothing else."""
    events, began = 0, time.monotonic()
    with closing(EmbeddedLogReader(settings.log_dir)) as log:
        for place, end in log.end_offsets(FACT_TOPICS).items():
            at = 0
            while at < end and (batch := log.read(*place, at, 10_000)):
                events += len([decode(value) for value in batch.values])
                at = batch.next_offset
    return events / (time.monotonic() - began)


def test_a_second_load_changes_nothing(run: Run) -> None:
    with closing(EmbeddedLogReader(run.settings.log_dir)) as log:
        before = log.end_offsets((ACCOUNTS, TWEETS, "follows", "imports"))
        outcome, _ = run_load(run.settings)
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
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(READY_SECONDS)


def compare_home_timelines(run: Run, naive: NaiveHiggs, more: dict[str, str] | None = None) -> None:
    with query_api(run.settings, more or {}) as url:
        check_home_timelines(run.log, naive, run.settings.keys_dir, url, USERS, BUSY_USERS)
