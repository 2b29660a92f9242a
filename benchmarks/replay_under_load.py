"""Every projection rebuilt, verified and swapped while people write and read: `python -m benchmarks.replay_under_load`.

Open loop, real processes, 500 commands and 200 home timelines a second, a request's clock running from when it was due,
whatever else is waited for. Beside the p99 of reads stands that of the half minute before, at the same rates. Each
projection in turn is replayed, and what was read until then is deleted (`murmur generations gc`): a window is from the
beginning of the one to a second after the other. No request may fail or stay unanswered, no page be torn
(benchmarks.feed_mix). In the end each 201 has to be one tweet on the log, and an audit compares all rows of every
projection with it: nothing missed, nothing doubled.

`--servers`: on servers, at rates that they and all else can do on two cores. `--small`: a minute, to see that it runs.
What else is given, `murmur replay` gets: `--nice 19`, `--max-rate 20000`, `--processes 1`. It ends all it has started
when it is asked to (SIGTERM), and by itself after MOST_SECONDS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
import urllib.request
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import feed_data
from benchmarks.cpu import wait_for_rest
from benchmarks.feed_data import Posted, Town
from benchmarks.feed_mix import Loaded, Rates, Readers, Writers, percentile, under_load
from benchmarks.row import Row
from infra.clock import SystemClock
from infra.log import embedded
from infra.log.port import Record
from infra.settings import Settings
from schemas.accounts.events import SignedIn
from schemas.catalogue import TWEETS
from schemas.codec import decode, encode, topic_and_key
from schemas.envelope import Envelope
from schemas.tweets.events import TweetPosted
from streams.projections import PROJECTIONS
from tests.e2e.system import System
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.envelope import Event

APPENDED_AT_ONCE = 1_000
WARM_SECONDS, BEFORE_SECONDS, PAUSE_SECONDS = 10.0, 30.0, 1.0
REPLAY_SECONDS, AUDIT_SECONDS, CAUGHT_UP_SECONDS, READ_SECONDS, GC_SECONDS = 300.0, 300.0, 600.0, 30.0, 90.0
MOST_SECONDS = 1_500.0  # of the load
GOAL = 1.5
ALL_PROJECTIONS = tuple(it.name for it in PROJECTIONS)


class Scene(NamedTuple):
    """What is measured: who is there, and how much is asked."""

    town: Town
    rates: Rates
    before_seconds: float = BEFORE_SECONDS
    warm_seconds: float = WARM_SECONDS
    replay: tuple[str, ...] = ()
    projections: tuple[str, ...] = ALL_PROJECTIONS


FILES = Scene(Town(people=2_000, followees=50, tweets_each=10, likes_each=20), Rates(500, 200))
SERVERS = Scene(  # warm once the JVMs have compiled what they run
    Town(people=300, followees=20, tweets_each=10, likes_each=10), Rates(25, 50), warm_seconds=60.0
)
SMALL = Scene(Town(50, 10, 4, 4), Rates(10, 10), 5.0, 3.0, projections=("home_timeline", "tweets"))


class Swapped(NamedTuple):
    """One projection's replay: from when to when, and what the last line told."""

    name: str
    began: float
    ended: float
    verified: bool
    report: str


class Outcome(NamedTuple):
    """What came of a run."""

    before: tuple[float, float]
    loaded: Loaded
    swaps: list[Swapped]
    torn: list[str]
    pages: int
    posts: int
    wrong: list[str]


def history(town: Town) -> tuple[list[Event], list[Posted]]:
    """Return what has happened before, and the tweets that are answered and liked: everybody has just signed in."""
    told = feed_data.facts(town)
    posted = [Posted(it.tweet_id, it.author_id) for it in told[TWEETS] if isinstance(it, TweetPosted)]
    now = SystemClock().now_ms()
    people = [feed_data.person(number) for number in range(town.people)]
    return [
        *(it for events in told.values() for it in events),
        *(SignedIn(Envelope(it, now, it), it) for it in people),
    ], posted


async def write(folder: Path, events: Sequence[Event]) -> None:
    """Write a log of files."""
    embedded.ensure(folder, {})
    with closing(embedded.open_appender(folder, "facts", {})) as log:
        for first in range(0, len(events), APPENDED_AT_ONCE):
            portion = events[first : first + APPENDED_AT_ONCE]
            await log.append([Record(*topic_and_key(it), encode(it)) for it in portion])


@contextmanager
def on_files(scene: Scene) -> Iterator[tuple[System, list[Posted]]]:
    """Run a system over a log that is there."""
    events, posted = history(scene.town)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        asyncio.run(write(Settings(data_dir=data).log_dir, events))
        with System(data, log_level="WARNING") as system:
            yield system, posted


@contextmanager
def on_servers(scene: Scene) -> Iterator[tuple[System, list[Posted]]]:
    """Run a system on servers of its own."""
    from benchmarks.cluster_delivery import append  # noqa: PLC0415 - its clients are installed with servers
    from benchmarks.cluster_servers import ALL, started  # noqa: PLC0415
    from tests.e2e.on_servers import SystemOnServers  # noqa: PLC0415

    events, posted = history(scene.town)
    with started(*ALL) as servers:
        fleet, settings = servers.fleet, servers.settings
        with SystemOnServers(fleet, settings.data_dir, log_level="WARNING") as system:
            asyncio.run(append(settings.kafka_bootstrap, events))
            yield system, posted


def measure(system: System, posted: Sequence[Posted], scene: Scene) -> Outcome:
    """Do it all."""
    system.wait_for(lambda: system.lag() == 0, CAUGHT_UP_SECONDS)
    wait_for_rest(patience_s=scene.before_seconds * 4)
    tokens = feed_data.tokens(Settings(data_dir=system.data), scene.town.people)
    readers, writers = Readers(tokens), Writers(tokens, posted)
    there = posts_on_the_log(system)
    names = [it for it in scene.projections if it in read_generations(system)]  # no search without its servers
    before: list[float] = []
    swaps: list[Swapped] = []

    async def during() -> None:
        async with asyncio.timeout(MOST_SECONDS):
            await asyncio.sleep(scene.warm_seconds)
            before.append(time.perf_counter())
            await asyncio.sleep(scene.before_seconds)
            before.append(time.perf_counter())
            for name in names:
                found = await asyncio.to_thread(replayed, system, name, scene.replay)
                await asyncio.sleep(PAUSE_SECONDS)
                swaps.append(found._replace(ended=time.perf_counter()))

    loaded = under_load((system.commands_port, system.query_port), readers, writers, scene.rates, during)
    system.wait_for(lambda: system.lag() == 0, CAUGHT_UP_SECONDS)
    posts = posts_on_the_log(system) - there
    wrong = [line for name in names for line in audited(system, name)]
    return Outcome((before[0], before[1]), loaded, swaps, readers.torn, readers.pages, posts, wrong)


def posts_on_the_log(system: System) -> int:
    """Return how many tweets the log says."""
    found = 0
    with system.log() as log:
        for place, end in log.end_offsets([TWEETS]).items():
            offset = 0
            while offset < end and (batch := log.read(*place, offset, APPENDED_AT_ONCE)):
                found += sum(isinstance(decode(it), TweetPosted) for it in batch.values)
                offset = batch.next_offset
    return found


def replayed(system: System, name: str, options: Sequence[str]) -> Swapped:
    """Rebuild one projection, until queries read what was built, and delete what they read before."""
    began = time.perf_counter()
    ended = system.murmur("replay", name, "--json", *options, timeout=REPLAY_SECONDS)
    if ended.returncode:
        return Swapped(name, began, time.perf_counter(), verified=False, report=(ended.stdout + ended.stderr)[-500:])
    told = json.loads(ended.stdout.splitlines()[-1])["projections"][name]
    until(lambda: read_generations(system)[name] == told["generation"], READ_SECONDS)
    collected = system.murmur("generations", "gc", "--keep", "0", timeout=GC_SECONDS)
    verified = told["verified"] and collected.returncode == 0
    return Swapped(name, began, time.perf_counter(), verified, told["report"] + collected.stderr)


def read_generations(system: System) -> dict[str, int]:
    """Return which generation of each projection queries read; cheaply, beside the load that this process asks for."""
    with urllib.request.urlopen(f"{system.query}/projections", timeout=15) as answer:  # noqa: S310 - our own
        return {it["projection"]: it["generation"] for it in json.load(answer)["projections"]}


def audited(system: System, name: str) -> list[str]:
    """Compare a projection with the log; return what differs."""
    ended = system.murmur("audit", name, timeout=AUDIT_SECONDS)
    return [] if ended.returncode == 0 else [f"{name}: {line}" for line in (ended.stdout + ended.stderr).splitlines()]


def told(found: Outcome, scene: Scene, where: str) -> list[Row]:
    """Return the rows of a run; says on standard error what was wrong."""
    quiet = found.loaded.between(*found.before)
    busy = [(it, found.loaded.between(it.began, it.ended)) for it in found.swaps]
    reads = [asked for _, window in busy for asked in window.reads]
    commands = [asked for _, window in busy for asked in window.commands]
    failed = [
        it
        for it in (*found.loaded.reads, *found.loaded.commands)
        if it.status not in {HTTPStatus.OK, HTTPStatus.CREATED}
    ]
    unverified = [it for it in found.swaps if not it.verified]
    acknowledged = sum(it.status == HTTPStatus.CREATED for it in found.loaded.commands)
    for line in (*found.wrong, *found.torn[:10], *unverified, *failed[:10]):
        sys.stderr.write(f"{line}\n")
    before, during = percentile(quiet.reads, 99), percentile(reads, 99)
    beside = {
        "before": before,
        "ratio": during / before,
        "p50": percentile(reads, 50),
        "p50 before": percentile(quiet.reads, 50),
        "p99 of commands": percentile(commands, 99),
        "before it": percentile(quiet.commands, 99),
        "failed": len(failed),
        "torn pages": len(found.torn),
        "of": found.pages,
        "projections verified and swapped": len(found.swaps) - len(unverified),
        "posts acknowledged": acknowledged,
        "on the log": found.posts,
        "s of the longest": max(it.ended - it.began for it in found.swaps),
        "differences to the log": len(found.wrong),
    }
    for it, window in busy:
        beside[f"p99 during {it.name}"] = percentile(window.reads, 99)
    rates = f"{scene.rates.commands:.0f} commands/s and {scene.rates.reads:.0f} home timelines/s"
    name = f"{rates} while each projection is replayed{where}: p99 of reads"
    return [Row(name, during, "ms", beside, f"at most {GOAL} times before; 0 failed, torn, different")]


def rows(scene: Scene = FILES) -> list[Row]:
    """Measure on files."""
    with on_files(scene) as (system, posted):
        return told(measure(system, posted, scene), scene, "")


def rows_on_servers(scene: Scene = SERVERS) -> list[Row]:
    """Measure on servers."""
    with on_servers(scene) as (system, posted):
        return told(measure(system, posted, scene), scene, ", on servers")


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--small", action="store_true")
    asked, replay = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    scene = SMALL if asked.small else SERVERS if asked.servers else FILES
    measured = rows_on_servers if asked.servers else rows
    for row in measured(scene._replace(replay=tuple(replay))):
        print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
