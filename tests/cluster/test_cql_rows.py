"""Accounts and tweets over CQL say what they say over SQLite, whoever dies where and whatever is delivered again.

Each trial has entities and log partitions of its own, so that all of them use the same tables.
"""

from __future__ import annotations

from contextlib import closing
from itertools import count, islice
from random import Random
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from infra.cql.projection_tables import create
from infra.cql.session import Call
from infra.log.port import Span, TopicPartition
from infra.projections import StoreUnavailableError, placed
from projections.accounts import projector as accounts
from projections.accounts.cql import CqlAccountsReader, CqlAccountsStore
from projections.accounts.sqlite import SqliteAccountsReader, SqliteAccountsStore
from projections.tweets import projector as tweets
from projections.tweets.cql import CqlTweetsStore
from projections.tweets.cql_reader import CqlTweetsReader
from projections.tweets.sqlite import SqliteTweetsReader, SqliteTweetsStore
from schemas.accounts.events import ProfileEdited
from tests.builders import deleted, envelope, posted, registered, retweet_undone, retweeted
from tests.conftest import settings_of
from tests.cql_keyspaces import migrated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.cql.session import Batch, CqlSession, Row
    from infra.servers import Fleet
    from schemas.envelope import Event

pytestmark = pytest.mark.cluster

LOG_ID = "a-log"
trials = count(1)


class Trial(NamedTuple):
    """What one trial says: its log, a list of events each of two partitions, and the ids that occur in it."""

    number: int
    log: tuple[Sequence[Event], Sequence[Event]]
    user_ids: Sequence[int]
    tweet_ids: Sequence[int]


def a_trial() -> Trial:
    """Ann (partition 0) and Bob (1): every way in which a tweet, a reply, a quote or a retweet comes and goes."""
    number = next(trials)
    ann, bob = 2 * number, 2 * number + 1
    t = [1_000_000 * number + i for i in range(30)]
    of_ann: list[Event] = [
        posted(ann, t[0]),
        posted(ann, t[1]),
        posted(ann, t[2], reply_to=(t[0], ann)),
        posted(ann, t[3], quoted=(t[0], ann)),
        deleted(ann, t[2]),
        posted(ann, t[2], reply_to=(t[0], ann)),
        deleted(ann, t[4]),
        posted(ann, t[4]),
        retweeted(ann, t[5], (t[1], ann)),
        posted(ann, t[3], quoted=(t[0], ann)),
        deleted(ann, t[1]),
        deleted(ann, t[0]),
        deleted(ann, t[3]),
    ]
    of_bob: list[Event] = [
        posted(bob, t[10], reply_to=(t[0], ann)),
        retweeted(bob, t[11], (t[0], ann)),
        retweeted(bob, t[12], (t[1], ann)),
        posted(bob, t[13], quoted=(t[1], ann)),
        retweet_undone(bob, t[11], (t[0], ann)),
        retweeted(bob, t[14], (t[0], ann)),
        retweeted(bob, t[14], (t[0], ann)),
        deleted(bob, t[10]),
        retweeted(bob, t[15], (t[3], ann)),
        retweet_undone(bob, t[15], (t[3], ann)),
        retweeted(bob, t[16], (t[3], ann)),
    ]
    return Trial(number, (of_ann, of_bob), (ann, bob), t)


class Portion(NamedTuple):
    """Some records of one of the partitions."""

    of: int
    start: int
    end: int


def portions(trial: Trial, size: int, random: Random) -> list[Portion]:
    """Both partitions in portions of that many records, mixed."""
    waiting = [
        [Portion(of, start, min(start + size, len(log))) for start in range(0, len(log), size)]
        for of, log in enumerate(trial.log)
    ]
    mixed = []
    while any(waiting):
        mixed.append(random.choice([it for it in waiting if it]).pop(0))
    return mixed


def span(trial: Trial, portion: Portion) -> Span:
    return Span("tweets", 2 * trial.number + portion.of, portion.start, portion.end)


def partition_of(wanted: Span) -> TopicPartition:
    return TopicPartition(wanted.topic, wanted.partition)


def events(trial: Trial, portion: Portion) -> Sequence[Event]:
    return trial.log[portion.of][portion.start : portion.end]


def deliver(store: CqlTweetsStore, trial: Trial, delivery: Sequence[Portion]) -> None:
    """Apply what the store has not applied yet of the portions, as a consumer does that starts at the checkpoints."""
    project = placed(tweets.project)
    for portion in delivery:
        wanted = span(trial, portion)
        done = store.checkpoints().get(partition_of(wanted), 0)
        if done < portion.end:
            rest = portion._replace(start=max(done, portion.start))
            store.apply(project(events(trial, rest)), span(trial, rest))


def told(reader: Any, trial: Trial) -> dict[str, Any]:
    """Everything that a reader says of a trial."""
    users, ids = trial.user_ids, trial.tweet_ids
    return {
        "tweets": reader.many(ids),
        "by author": [reader.by_author(user_id, None, 99) for user_id in users],
        "a page": [reader.by_author(user_id, ids[12], 2) for user_id in users],
        "replies": reader.replies(ids[0], None, 99),
        "quotes": [reader.quotes(tweet_id, None, 99) for tweet_id in ids[:2]],
        "conversation": reader.conversation(ids[0], None, 99),
        "counts": reader.counts_by_author(users),
    }


def over_sqlite(trial: Trial, folder: Path) -> dict[str, Any]:
    path = folder / f"{trial.number}.db"
    with closing(SqliteTweetsStore(path, LOG_ID)) as store, closing(SqliteTweetsReader(path)) as reader:
        for of, log in enumerate(trial.log):
            store.apply(tweets.project(log), span(trial, Portion(of, 0, len(log))))
        return told(reader, trial)


class DyingSession:
    """A session that is used by a process which is killed after some calls: of those side by side, any may be sent."""

    def __init__(self, session: CqlSession, calls: int, random: Random) -> None:
        self._session = session
        self._left = calls
        self._random = random

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, statement: str, values: Sequence[Any] = (), *, idempotent: bool = True) -> list[Row]:
        return self.run_all([Call(statement, values, idempotent)])[0]

    def run_all(self, calls: Any) -> list[list[Row]]:
        given: list[Call | Batch] = list(calls)
        if len(given) <= self._left:
            self._left -= len(given)
            return self._session.run_all(given)
        self._session.run_all(self._random.sample(given, self._left))
        self._left = 0
        raise StoreUnavailableError("killed")


@pytest.fixture(scope="module")
def session(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CqlSession]:
    settings = settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")
    with migrated(settings, "rows") as session:
        for store in (CqlAccountsStore, CqlTweetsStore):
            create(session, store)
        yield session


@pytest.fixture
def reader(session: CqlSession) -> CqlTweetsReader:
    return CqlTweetsReader(session)


def test_a_writer_killed_anywhere_is_followed_by_one_who_finishes(
    session: CqlSession, reader: CqlTweetsReader, tmp_path: Path
) -> None:
    deaths = 0
    for calls in count():
        random, trial = Random(calls), a_trial()
        dying: Any = DyingSession(session, calls, random)
        try:
            store = CqlTweetsStore(dying, LOG_ID)
            deliver(store, trial, portions(trial, 7, random))
        except StoreUnavailableError:
            deaths += 1
        else:
            break
        deliver(CqlTweetsStore(session, LOG_ID), trial, portions(trial, random.choice((3, 5, 20)), random))
        assert told(reader, trial) == over_sqlite(trial, tmp_path), calls
    assert deaths > 50


def test_two_in_a_row_may_be_killed_anywhere(session: CqlSession, reader: CqlTweetsReader, tmp_path: Path) -> None:
    for seed in range(12):
        random, trial = Random(seed), a_trial()
        for _ in range(2):
            dying: Any = DyingSession(session, random.randrange(10, 90), random)
            try:
                deliver(CqlTweetsStore(dying, LOG_ID), trial, portions(trial, random.randrange(1, 9), random))
            except StoreUnavailableError:
                continue
        deliver(CqlTweetsStore(session, LOG_ID), trial, portions(trial, random.randrange(1, 9), random))
        assert told(reader, trial) == over_sqlite(trial, tmp_path), seed


def test_a_writer_who_was_driven_out_and_goes_on_changes_nothing(
    session: CqlSession, reader: CqlTweetsReader, tmp_path: Path
) -> None:
    for seed in range(5):
        random, trial = Random(seed), a_trial()
        zombie = CqlTweetsStore(session, LOG_ID)
        begun = portions(trial, 4, random)
        deliver(zombie, trial, begun[:2])
        deliver(CqlTweetsStore(session, LOG_ID), trial, portions(trial, 3, random))
        wanted = over_sqlite(trial, tmp_path)
        assert told(reader, trial) == wanted
        remembered = {partition_of(span(trial, it)): it.end for it in begun[:2]}
        for portion in begun[2:]:
            zombie._next = {**(zombie._next or {}), **remembered}  # it has not looked at the checkpoints since
            zombie.apply(placed(tweets.project)(events(trial, portion)), span(trial, portion))
            remembered[partition_of(span(trial, portion))] = portion.end
            assert told(reader, trial) == wanted, seed
        assert reader.next_offset("tweets", 2 * trial.number) == len(trial.log[0])


def test_two_workers_who_remove_a_tweet_and_retweet_it_at_the_same_time_agree(
    session: CqlSession, reader: CqlTweetsReader, tmp_path: Path
) -> None:
    for _ in range(10):
        trial = a_trial()
        together = Barrier(2)

        def work(of: int, trial: Trial = trial, together: Barrier = together) -> None:
            store = CqlTweetsStore(session, LOG_ID)
            together.wait()
            deliver(store, trial, [Portion(of, start, start + 1) for start in range(len(trial.log[of]))])

        threads = [Thread(target=work, args=(of,)) for of in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told(reader, trial) == over_sqlite(trial, tmp_path)


def test_all_retweets_of_a_removed_tweet_go_however_many(
    session: CqlSession, reader: CqlTweetsReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.tweets.cql.RETWEETS_AT_A_TIME", 3)
    monkeypatch.setattr("projections.tweets.cql._RETWEETS", _with_limit(3))
    store, first = CqlTweetsStore(session, LOG_ID), 1_000_000 * next(trials)
    author, fan = first + 1, first + 2
    said: list[Event] = [posted(author, first), *(retweeted(fan, first + i, (first, author)) for i in range(10, 110))]
    apply = placed(tweets.project)
    store.apply(apply(said), Span("tweets", first, 0, len(said)))
    assert reader.counts_by_author([author, fan]) == {author: 1, fan: 100}
    store.apply(apply([deleted(author, first)]), Span("tweets", first, len(said), len(said) + 1))
    assert reader.counts_by_author([author, fan]) == {}
    assert reader.by_author(fan, None, 200) == []


def _with_limit(rows: int) -> str:
    from projections.tweets import cql  # noqa: PLC0415

    return cql._RETWEETS.replace(f"LIMIT {cql.RETWEETS_AT_A_TIME}", f"LIMIT {rows}")


@pytest.mark.parametrize("most_rows", [4_000, 64])
def test_pages_partition_a_long_list_of_which_much_was_removed(
    session: CqlSession, reader: CqlTweetsReader, most_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.tweets.cql_reader.MOST_ROWS", most_rows)
    store, first = CqlTweetsStore(session, LOG_ID), 1_000_000 * next(trials)
    author, root = first + 1, first + 2
    ids = [first + (i << 48) for i in range(10, 130)]  # over many eras
    said: list[Event] = [posted(author, tweet_id, reply_to=(root, 1)) for tweet_id in ids]
    gone = {tweet_id for i, tweet_id in enumerate(ids) if i % 3 or 40 < i < 90}
    said += [deleted(author, tweet_id) for tweet_id in sorted(gone)]
    store.apply(placed(tweets.project)(said), Span("tweets", first, 0, len(said)))
    wanted = [tweet_id for tweet_id in reversed(ids) if tweet_id not in gone]
    for read, of in ((reader.by_author, author), (reader.replies, root), (reader.conversation, root)):
        for limit in (1, 7, 200):
            assert list(_pages(read, of, limit)) == wanted
    assert reader.counts_by_author([author]) == {author: len(wanted)}


def _pages(read: Any, of: int, limit: int) -> Iterator[int]:
    below = None
    while page := read(of, below, limit):
        assert len(page) <= limit
        yield from page
        below = page[-1]


def test_accounts_stay_exact_wherever_a_writer_is_killed(session: CqlSession, tmp_path: Path) -> None:
    reader, project = CqlAccountsReader(session), placed(accounts.project)
    deaths = 0
    for calls in count():
        random, number = Random(calls), next(trials)
        ann, bob = 2 * number, 2 * number + 1
        said: list[Event] = [
            ProfileEdited(envelope(), bob, bio="too early"),
            registered(ann, f"Ann{number}"),
            ProfileEdited(envelope(), ann, bio="bird", location=""),
            registered(bob, f"bob{number}"),
            registered(ann, f"Other{number}"),
            ProfileEdited(envelope(), ann, bio="two birds", display_name="A"),
            ProfileEdited(envelope(), bob, location="Rome"),
        ]
        dying: Any = DyingSession(session, calls, random)
        try:
            CqlAccountsStore(dying, LOG_ID).apply(project(said), Span("accounts", number, 0, len(said)))
        except StoreUnavailableError:
            deaths += 1
        else:
            break
        store = CqlAccountsStore(session, LOG_ID)
        size = random.choice((1, 2, 5))
        for start in range(0, len(said), size):
            end = min(start + size, len(said))
            store.apply(project(said[start:end]), Span("accounts", number, start, end))
        path = tmp_path / f"{number}.db"
        with closing(SqliteAccountsStore(path, LOG_ID)) as other, closing(SqliteAccountsReader(path)) as wanted:
            for at, event in enumerate(said):
                other.apply(accounts.project([event]), Span("accounts", number, at, at + 1))
            assert reader.many([ann, bob]) == wanted.many([ann, bob])
            names = [f"ann{number}", f"BOB{number}", f"other{number}"]
            assert reader.ids_by_username(names) == wanted.ids_by_username(names)
    assert deaths > 5


def test_an_account_without_a_row_is_no_account(session: CqlSession) -> None:
    assert list(islice(CqlAccountsReader(session).many([10**15]), 1)) == []
