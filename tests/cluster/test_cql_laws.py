"""The laws of projections over CQL: however a log is delivered, they answer what SQLite answers after the plain log."""

from __future__ import annotations

import random
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from infra.cql.calls import Call
from infra.log.port import Span, TopicPartition
from infra.projections import StoreUnavailableError
from projections.trends.read_model import DAY_MS, HOUR_MS, STEP_MS, day_of, quarter
from schemas.catalogue import ACCOUNTS, ENGAGEMENTS, FOLLOWS, MEDIA, MODERATION, NOTIFICATIONS, TWEETS
from tests.builders import EPOCH_MS
from tests.conftest import settings_of
from tests.contract.backends import BACKENDS, LOG_ID
from tests.contract.cql_backends import connected
from tests.histories import MARKS, PLACES, RELATIONS, USERS, World, log_of, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from random import Random

    from infra.cql.calls import Batch
    from infra.projections import Placed
    from infra.servers import Fleet
    from schemas.envelope import Event
    from tests.histories import Log

pytestmark = pytest.mark.cluster

TOPICS = {
    "accounts": (ACCOUNTS,),
    "tweets": (TWEETS,),
    "graph": (FOLLOWS,),
    "engagement": (TWEETS, ENGAGEMENTS),
    "trends": (TWEETS,),
    "notifications": (TWEETS, FOLLOWS, ENGAGEMENTS, NOTIFICATIONS),
    "media": (ACCOUNTS, MEDIA, TWEETS),
    "moderation": (MODERATION,),
    "spam": (TWEETS,),
}
ENDINGS: dict[type[Event], type[Any]] = dict([*RELATIONS.values(), *MARKS.values()])
NO_COUNTS = (0, 0, 0, 0)
EXAMPLES = 5  # of each law and projection: one takes half a second


@pytest.fixture(autouse=True)
def _many_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists be cut after every second row."""
    for module in ("graph", "engagement"):
        monkeypatch.setattr(f"projections.{module}.cql.SEGMENT_ROWS", 2)


@pytest.fixture(scope="module", autouse=True)
def _keyspace(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with connected(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")):
        yield


def answers(name: str, reader: Any, ids: Sequence[int]) -> Any:
    """Everything that a reader can be asked about these tweets and the users; what is nothing is left out."""
    of_users: dict[str, Callable[[int], Any]]
    of_tweets: dict[str, Callable[[int], Any]] = {}
    match name:
        case "accounts":
            names = reader.ids_by_username([f"user_{user}" for user in USERS])
            return reader.many(USERS), names, {it: told for it, told in reader.standings().items() if any(told)}
        case "tweets":
            of_users = {"posts": lambda user: reader.by_author(user, None, 99)}
            of_users["counts"] = lambda user: reader.counts_by_author([user]).get(user) or None
            of_tweets["replies"] = lambda tweet: reader.replies(tweet, None, 99)
            of_tweets["quotes"] = lambda tweet: reader.quotes(tweet, None, 99)
            of_tweets["conversation"] = lambda tweet: reader.conversation(tweet, None, 99)
            of_tweets["row"] = lambda tweet: reader.many([tweet])
        case "graph":
            of_users = {"followers": lambda user: reader.followers(user, None, 99)}
            of_users["following"] = lambda user: reader.following(user, None, 99)
            of_users["counts"] = lambda user: tuple(reader.counts([user]).get(user) or ())
            of_users["hidden"] = reader.hidden
        case "trends":
            return of_trends(reader)
        case "spam":
            return reader.seen(USERS), reader.many(USERS, 3), reader.flagged(3, EPOCH_MS - DAY_MS)
        case "moderation":
            subjects = [*USERS, *ids]
            listed = reader.queue(None, 99), reader.audit(None, 99), reader.denied()
            return reader.cases(subjects), reader.reports(subjects), listed
        case "media":
            owned = {media_id for user in USERS for media_id in reader.of_owner(user, None, 99)}
            due = reader.due(EPOCH_MS - HOUR_MS, EPOCH_MS + DAY_MS)
            return reader.many(owned), {it: use for it, use in reader.uses(owned).items() if any(use)}, sorted(due)
        case "notifications":
            of_users = {"entries": lambda user: reader.entries(user, None, 99)}
            of_users["wishes"] = reader.wishes
            of_users["groups"] = lambda user: reader.groups(
                user, {entry.group for entry in reader.entries(user, None, 99)}, 99
            )
        case _:
            of_users = {"flags": lambda user: reader.flags(user, ids)}
            of_users["bookmarks"] = lambda user: reader.bookmarks(user, None, 99)
            of_users["interactions"] = lambda user: reader.interactions(user, USERS)
            of_tweets = {"likers": lambda tweet: reader.likers(tweet, None, 99)}
            of_tweets["retweeters"] = lambda tweet: reader.retweeters(tweet, None, 99)
            of_tweets["counts"] = lambda tweet: [n for n in [reader.counts([tweet]).get(tweet)] if n and any(n)]
    asked = [(said, read, of) for said, read in of_users.items() for of in USERS]
    asked += [(said, read, of) for said, read in of_tweets.items() for of in ids]
    return {(said, of): answer for said, read, of in asked if (answer := read(of))}


def of_trends(reader: Any) -> Any:
    day_ms, tags = day_of(EPOCH_MS), ["tea", "milk"]
    begins = range(quarter(EPOCH_MS) - HOUR_MS, EPOCH_MS + HOUR_MS, STEP_MS)
    told = {
        place: [
            [reader.top_of_day(place, day_ms, order, 9) for order in ("uses", "authors")],
            [reader.window(place, began, 9) for began in begins],
            [reader.hours(place, tags, began, EPOCH_MS + HOUR_MS) for began in begins],
            reader.days(place, tags, day_ms - DAY_MS, day_ms + DAY_MS),
        ]
        for place in PLACES
    }
    return told, [reader.tweets(tag, EPOCH_MS, 99) for tag in tags]


def plain(name: str, log: Log, ids: Sequence[int], path: Path) -> Any:
    """What SQLite answers after every partition in one go."""
    backend = BACKENDS[name]["sqlite"]
    with closing(backend.open_store(path, LOG_ID)) as store, closing(backend.open_reader(path)) as reader:
        for partition, events in log.items():
            store.apply(backend.project(events), Span(*partition, 0, len(events)))
        return answers(name, reader, ids)


class Dying:
    """A session that ends after some messages."""

    def __init__(self, session: Any, messages: int) -> None:
        self._session = session
        self._left = messages

    def run(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self.run_all([Call(statement, values)])[0]

    def run_all(self, calls: Iterable[Call | Batch]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailableError("it died")
        return self._session.run_all(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


class Deliveries:
    """Brings a log in portions of any size, partitions mixed; now and then a worker that is far behind goes on."""

    def __init__(self, name: str, log: Log, rng: Random, path: Path) -> None:
        self._backend = BACKENDS[name]["cql"]
        self._log = log
        self._rng = rng
        self._path = path
        self._store = self._backend.open_store(path, LOG_ID)
        self._ghost = self._backend.open_store(path, LOG_ID)

    def bring(self) -> Iterator[bool]:
        """Yield after each portion, with whether it was applied to its end."""
        done = dict.fromkeys(self._log, 0)
        while waiting := [partition for partition in done if done[partition] < len(self._log[partition])]:
            partition = self._rng.choice(waiting)
            if self._rng.random() < 0.3:
                self._begin(partition)
                done |= self._store.checkpoints()  # a ghost may have got further in others, too
                yield False
            if done[partition] < len(self._log[partition]):
                end = self._end_of(partition, done[partition])
                self._store.apply(*self._portion(partition, done[partition], end))
                done[partition] = end
            yield True
            if self._rng.random() < 0.3:
                self._haunt(partition, self._rng.randint(0, done[partition]))

    def _begin(self, partition: TopicPartition) -> None:
        """Begin a portion, and as a rule die."""
        dying: Any = self._backend.open_store(self._path, LOG_ID)
        start = dying.checkpoints().get(partition, 0)
        dying.session = Dying(dying.session, self._rng.randint(0, 7))
        with suppress(StoreUnavailableError):
            if start < (end := self._end_of(partition, start)):
                dying.apply(*self._portion(partition, start, end))

    def _haunt(self, partition: TopicPartition, start: int) -> None:
        """Apply a span of before, in other portions, by a worker who remembers that its turn has come."""
        end = self._end_of(partition, start)
        if start < end:
            self._ghost._next = {partition: start}  # type: ignore[attr-defined]
            self._ghost.apply(*self._portion(partition, start, end))

    def _end_of(self, partition: TopicPartition, start: int) -> int:
        return min(start + self._rng.randint(1, 9), len(self._log[partition]))

    def _portion(self, partition: TopicPartition, start: int, end: int) -> tuple[Sequence[Placed], Span]:
        return self._backend.project(self._log[partition][start:end]), Span(*partition, start, end)


def wavering(history: Sequence[Event]) -> Iterator[Event]:
    """Whatever begins also ends and begins again."""
    for event in history:
        yield event
        if ending := ENDINGS.get(type(event)):
            yield ending(*(getattr(event, name) for name in event.__struct_fields__))
            yield event


TELLINGS: dict[str, Callable[[Sequence[Event]], list[Event]]] = {
    "as it was": list,
    "each fact twice in a row": lambda history: [copy for event in history for copy in (event, event)],
    "begun, ended and begun": lambda history: list(wavering(history)),
}
histories = st.lists(steps, min_size=10, max_size=30).map(lambda chosen: World().play(chosen))


def law_settings() -> settings:
    return settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.filterwarnings(  # the driver's threads may use the module `random` just while an example is drawn
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize("name", [name for name in TOPICS if "cql" in BACKENDS[name]])
def test_however_it_is_delivered_it_is_what_sqlite_says(name: str, telling: str, tmp_path: Path) -> None:
    examples = iter(range(10**6))

    @law_settings()
    @given(history=histories, seed=st.integers(0, 2**32))
    def law(history: list[Event], seed: int) -> None:
        log = log_of(TELLINGS[telling](history), TOPICS[name])
        ids = sorted({getattr(event, "tweet_id", 1) for event in history})
        path = tmp_path / f"{next(examples)}.db"
        list(Deliveries(name, log, random.Random(seed), path).bring())
        with closing(BACKENDS[name]["cql"].open_reader(path)) as reader:
            assert answers(name, reader, ids) == plain(name, log, ids, path.with_suffix(".plain"))

    law()


class Cache:
    """Counts and marks as they were read once, less what the reader told of since."""

    def __init__(self, reader: Any, tweets: Sequence[int]) -> None:
        self._reader = reader
        self._tweets = tweets
        self._counts: dict[int, Any] = {}
        self._marks: dict[int, Any] = {}

    def look(self) -> None:
        for changed in self._reader.changed():
            self._counts.pop(changed, None)
            self._marks.pop(changed, None)
        unread = [it for it in self._tweets if it not in self._counts]
        found = self._reader.counts(unread)
        self._counts.update((it, found.get(it, NO_COUNTS)) for it in unread)
        for user in USERS:
            if user not in self._marks:
                self._marks[user] = self._reader.marks(user, self._tweets[len(self._tweets) // 2], self._tweets)

    def check(self) -> None:
        assert self._counts == {it: self._reader.counts([it]).get(it, NO_COUNTS) for it in self._tweets}
        for user, marks in self._marks.items():
            assert marks.tell_of(self._tweets)
            assert [it.intersection(self._tweets) for it in marks.flags] == [*self._reader.flags(user, self._tweets)]


@pytest.mark.filterwarnings(  # the driver's threads may use the module `random` just while an example is drawn
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
def test_a_cache_that_drops_what_it_is_told_of_shows_what_is_there(tmp_path: Path) -> None:
    examples = iter(range(10**6))

    @law_settings()
    @given(history=histories, seed=st.integers(0, 2**32))
    def law(history: list[Event], seed: int) -> None:
        log = log_of(list(wavering(history)), TOPICS["engagement"])
        ids = sorted({event.tweet_id for event in history if hasattr(event, "tweet_id")} | {1})
        path = tmp_path / f"{next(examples)}.db"
        deliveries = Deliveries("engagement", log, random.Random(seed), path)
        with closing(BACKENDS["engagement"]["cql"].open_reader(path)) as reader:
            cache = Cache(reader, ids)
            for whole in deliveries.bring():
                cache.look()
                if whole:
                    cache.check()

    law()
