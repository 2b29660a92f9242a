"""Deliveries per CPU-second into 800-entry home timelines in steady state, over a power-law graph.

Beside it, in the same run: bare `INSERT`s of the same rows into a bare table (what SQLite takes for a row), and the
classic way, one read-modify-write per follower with a trim each.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.row import Row
from infra.log.port import Span
from infra.sqlite.connections import Durability, open_writer, run_script
from projections.home_timeline.projector import project
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
from schemas.accounts.events import SignedIn
from schemas.envelope import Envelope, Event
from schemas.follows.events import Followed
from schemas.ids import first_id_at
from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    import apsw

READERS = 2_000
FOLLOWS = 100_000  # 50 a reader on average, authors chosen by a Pareto law
WARM_DELIVERIES = 2_000_000  # fills the timelines to their cap
MEASURED_DELIVERIES = 400_000
BATCH = 1_000
START_MS = 1_700_000_000_000


class Tweet(NamedTuple):
    """A tweet to fan out."""

    author_id: int
    tweet_id: int
    at_ms: int


def user(number: int) -> int:
    """Return a user id."""
    return (number + 1) << 16


def graph(rng: random.Random) -> dict[int, set[int]]:
    """Return author → followers; popular authors have most."""
    audience: dict[int, set[int]] = {}
    while sum(map(len, audience.values())) < FOLLOWS:
        for _ in range(1_000):
            author, reader = int(rng.paretovariate(0.8)) % READERS, rng.randrange(READERS)
            if author != reader:
                audience.setdefault(user(author), set()).add(user(reader))
    return audience


def tweets(rng: random.Random, audience: dict[int, set[int]], deliveries: int, start_ms: int) -> list[Tweet]:
    """Return tweets by random authors that come to so many deliveries."""
    authors, due = list(audience), 0
    made: list[Tweet] = []
    while due < deliveries:
        author = rng.choice(authors)
        at_ms = start_ms + len(made)
        made.append(Tweet(author, first_id_at(at_ms), at_ms))
        due += len(audience[author]) + 1
    return made


def apply(store: SqliteHomeTimelineStore, events: list[Event], at: int) -> int:
    """Apply events in batches from offset `at`; return the next offset."""
    for first in range(0, len(events), BATCH):
        batch = events[first : first + BATCH]
        store.apply(project(batch), Span("bench", 0, at, at + len(batch)))
        at += len(batch)
    return at


def posted(tweet: Tweet) -> Event:
    """Return the event of a tweet."""
    return TweetPosted(Envelope(tweet.tweet_id, tweet.at_ms, tweet.author_id), tweet.tweet_id, tweet.author_id, "", 0)


def fan_out(folder: Path, audience: dict[int, set[int]], warm: list[Tweet], measured: list[Tweet]) -> float:
    """Return CPU seconds of our store for the measured tweets."""
    store = SqliteHomeTimelineStore(folder / "ours.db", "bench", celebrity_followers=10**9, active_days=30)
    envelope = Envelope(1, START_MS, 0)
    events: list[Event] = [SignedIn(envelope, user(number)) for number in range(READERS)]
    events += [Followed(envelope, reader, author) for author, readers in audience.items() for reader in readers]
    at = apply(store, [*events, *map(posted, warm)], 0)
    batch = [posted(tweet) for tweet in measured]
    began = time.process_time()
    apply(store, batch, at)
    spent = time.process_time() - began
    store.close()
    return spent


_TABLE = """
CREATE TABLE entries (reader_id INTEGER, tweet_id INTEGER, author_id INTEGER, original_id INTEGER,
    parent_author_id INTEGER, PRIMARY KEY (reader_id, tweet_id)) WITHOUT ROWID;
"""
_INSERT = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, 0, 0)"
_TRIM = """
DELETE FROM entries WHERE reader_id = ?1 AND tweet_id <=
    (SELECT tweet_id FROM entries WHERE reader_id = ?1 ORDER BY tweet_id DESC LIMIT 1 OFFSET 800)
"""


def rows_of(audience: dict[int, set[int]], chosen: list[Tweet]) -> list[tuple[int, int, int]]:
    """Return one row a delivery."""
    return [
        (reader, tweet.tweet_id, tweet.author_id)
        for tweet in chosen
        for reader in (*audience[tweet.author_id], tweet.author_id)
    ]


def bare_table(folder: Path, name: str, audience: dict[int, set[int]], warm: list[Tweet]) -> apsw.Connection:
    """Return a table filled with the warm-up's newest 800 rows a reader, nothing else in its file."""
    table = open_writer(folder / f"{name}.db", Durability.NORMAL)
    run_script(table, _TABLE)
    newest: dict[int, int] = {}
    kept = []
    for row in reversed(rows_of(audience, warm)):
        newest[row[0]] = newest.get(row[0], 0) + 1
        if newest[row[0]] <= 800:  # noqa: PLR2004 - the cap
            kept.append(row)
    with table:
        table.executemany(_INSERT, kept)
    return table


def bare_inserts(table: apsw.Connection, audience: dict[int, set[int]], measured: list[Tweet]) -> float:
    """Return CPU seconds for bare inserts of the measured rows."""
    rows = rows_of(audience, measured)
    began = time.process_time()
    for first in range(0, len(rows), BATCH * 10):
        with table:
            table.executemany(_INSERT, rows[first : first + BATCH * 10])
    return time.process_time() - began


def classic(table: apsw.Connection, audience: dict[int, set[int]], measured: list[Tweet]) -> float:
    """Return CPU seconds for one insert and one trim a follower, a transaction a tweet."""
    began = time.process_time()
    for tweet in measured:
        with table:
            for row in rows_of(audience, [tweet]):
                table.execute(_INSERT, row)
                table.execute(_TRIM, row[:1])
    return time.process_time() - began


def rows() -> list[Row]:
    """Measure."""
    rng = random.Random(1)
    audience = graph(rng)
    warm = tweets(rng, audience, WARM_DELIVERIES, START_MS)
    measured = tweets(rng, audience, MEASURED_DELIVERIES, START_MS + len(warm))
    few = measured[: len(measured) // 10]
    due, due_few = len(rows_of(audience, measured)), len(rows_of(audience, few))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = due / fan_out(folder, audience, warm, measured)
        bare = due / bare_inserts(bare_table(folder, "bare", audience, warm), audience, measured)
        slow = due_few / classic(bare_table(folder, "classic", audience, warm), audience, few)
    beside = {"bare inserts": bare, "insert + trim per follower": slow, "ratio to bare": ours / bare}
    return [
        Row("embedded fan-out, 800-entry timelines", ours, "deliveries/CPU-s", beside, "at least 0.7 of bare inserts")
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
