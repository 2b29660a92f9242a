"""The laws of every projection, over random histories: what is stored is a function of the log and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span
from infra.sqlite.connections import open_reader, rows
from projections.accounts import projector as accounts
from projections.accounts.sqlite import SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement.sqlite import SqliteEngagementReader, SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphReader, SqliteGraphStore
from projections.home_timeline import projector as home_timeline
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
from projections.home_timeline.sqlite_reader import SqliteHomeTimelineReader
from projections.media import projector as media
from projections.media.read_model import TOPICS as MEDIA_TOPICS
from projections.media.sqlite import SqliteMediaStore
from projections.notifications import projector as notifications
from projections.notifications.read_model import TOPICS as NOTIFICATIONS_TOPICS
from projections.notifications.sqlite import SqliteNotificationsStore
from projections.search import projector as search
from projections.search.sqlite import SqliteSearchReader, SqliteSearchStore
from projections.trends import projector as trends
from projections.trends.sqlite import SqliteTrendsStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsReader, SqliteTweetsStore
from schemas.catalogue import ACCOUNTS, ENGAGEMENTS, FOLLOWS, TWEETS
from tests.found import found
from tests.histories import MARKS, RELATIONS, USERS, histories, log_of
from tests.memory_files import MemoryFiles
from tests.recount import recount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.projections import ProjectionStore
    from schemas.envelope import Event
    from tests.histories import Log

NOT_STATE = {"store", "checkpoints", "changes"}  # what was done, not what is
COLUMNS = {"removals": "id"}  # its other column is the order of arrival


def dump_tables(path: Path) -> dict[str, list[Any]]:
    """Every row of every table, in an order of its own."""
    with closing(open_reader(path)) as connection:
        names = [row[0] for row in rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
        return {
            name: sorted(rows(connection, f"SELECT {COLUMNS.get(name, '*')} FROM {name}"))
            for name in names
            if name not in NOT_STATE
        }


def dump_timelines(path: Path) -> dict[int, list[Any]]:
    """What every viewer sees: how it is kept may depend on the order of arrival."""
    with closing(SqliteHomeTimelineReader(path)) as reader:
        return {viewer: reader.page(viewer, None, 1000) for viewer in USERS}


def dump_findable(path: Path) -> Any:
    """What can be found: an index of words alone cannot be read."""
    with closing(SqliteSearchReader(path)) as reader:
        return found(reader)


def dump_volumes(path: Path) -> dict[str, list[Any]]:
    """Every use and count: how many records a partition had, of which some said nothing new, is not compared."""
    columns = {"said": "topic, tweet_id, author_id, place, at_ms", "hours": "*", "days": "*"}
    with closing(open_reader(path)) as connection:
        return {table: rows(connection, f"SELECT {of} FROM {table} ORDER BY 1, 2, 3") for table, of in columns.items()}


class Projection(NamedTuple):
    name: str
    topics: tuple[str, ...]
    project: Callable[[Sequence[Event]], Sequence[Any]]
    open_store: Callable[[Path, str], ProjectionStore]
    dump: Callable[[Path], Any]


def open_home_timeline(path: Path, log_id: str) -> SqliteHomeTimelineStore:
    limits = {"celebrity_followers": 3, "active_days": 1000, "cap": 4, "trim_one_in": 2, "fill_per_author": 2}
    return SqliteHomeTimelineStore(path, log_id, **limits)


PROJECTIONS = (
    Projection("accounts", (ACCOUNTS,), accounts.project, SqliteAccountsStore, dump_tables),
    Projection("tweets", (TWEETS,), tweets.project, SqliteTweetsStore, dump_tables),
    Projection("graph", (FOLLOWS,), graph.project, SqliteGraphStore, dump_tables),
    Projection("engagement", (TWEETS, ENGAGEMENTS), engagement.project, SqliteEngagementStore, dump_tables),
    Projection("home_timeline", (ACCOUNTS, FOLLOWS, TWEETS), home_timeline.project, open_home_timeline, dump_timelines),
    Projection("search", (ACCOUNTS, TWEETS), search.project, SqliteSearchStore, dump_findable),
    Projection("trends", (TWEETS,), trends.project, SqliteTrendsStore, dump_volumes),
    Projection("notifications", NOTIFICATIONS_TOPICS, notifications.project, SqliteNotificationsStore, dump_tables),
    Projection("media", MEDIA_TOPICS, media.project, SqliteMediaStore, dump_tables),
)

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda it: it.name)
a_law = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Turn(NamedTuple):
    """The next batch: which of the partitions that have records left, and how many of them."""

    partition: int
    records: int


turns = st.lists(st.builds(Turn, st.integers(0, 11), st.integers(1, 9)), max_size=50)
sizes = st.lists(st.integers(1, 9), max_size=50)


def batches(log: Log, order: Sequence[Turn]) -> Iterator[tuple[Span, list[Event]]]:
    """The records in this order; what it leaves over comes at the end, a partition at a time."""
    done = dict.fromkeys(sorted(log), 0)
    for turn in order:
        waiting = [partition for partition in done if done[partition] < len(log[partition])]
        if waiting:
            partition = waiting[turn.partition % len(waiting)]
            start, end = done[partition], min(done[partition] + turn.records, len(log[partition]))
            done[partition] = end
            yield Span(*partition, start, end), log[partition][start:end]
    for partition, start in done.items():
        if start < len(log[partition]):
            yield Span(*partition, start, len(log[partition])), log[partition][start:]


FILES = MemoryFiles("murmur-laws-")


def build(projection: Projection, log: Log, order: Sequence[Turn] = (), times: int = 1) -> Path:
    """The file of a store that got every batch that many times."""
    path = FILES.fresh(projection.name)
    with closing(projection.open_store(path, "a-log")) as store:
        for span, events in batches(log, order):
            for _ in range(times):
                store.apply(projection.project(events), span)
    return path


def built(projection: Projection, log: Log, order: Sequence[Turn] = (), times: int = 1) -> Any:
    return projection.dump(build(projection, log, order, times))


@every_projection
@a_law
@given(history=histories, order=turns)
def test_once_is_twice(projection: Projection, history: list[Event], order: list[Turn]) -> None:
    log = log_of(history, projection.topics)
    assert built(projection, log, order, times=2) == built(projection, log, order)


@every_projection
@a_law
@given(history=histories, order=turns)
def test_a_fact_logged_twice_in_a_row_counts_once(
    projection: Projection, history: list[Event], order: list[Turn]
) -> None:
    doubled = [copy for event in history for copy in (event, event)]
    topics = projection.topics
    assert built(projection, log_of(doubled, topics), order) == built(projection, log_of(history, topics))


@every_projection
@a_law
@given(history=histories, records=sizes)
def test_incremental_is_fresh(projection: Projection, history: list[Event], records: list[int]) -> None:
    log = log_of(history, projection.topics)
    assert built(projection, log, [Turn(0, size) for size in records]) == built(projection, log)


@every_projection
@a_law
@given(history=histories, order=turns)
def test_only_the_order_of_each_key_matters(projection: Projection, history: list[Event], order: list[Turn]) -> None:
    log = log_of(history, projection.topics)
    assert built(projection, log, order) == built(projection, log)


ENDINGS: dict[type[Event], type[Any]] = dict([*RELATIONS.values(), *MARKS.values()])


@every_projection
@a_law
@given(history=histories, order=turns)
def test_to_begin_is_to_begin_and_end_and_begin(
    projection: Projection, history: list[Event], order: list[Turn]
) -> None:
    wavering: list[Event] = []
    for event in history:
        wavering.append(event)
        if ending := ENDINGS.get(type(event)):
            fields = [getattr(event, name) for name in event.__struct_fields__]
            wavering += [ending(*fields), event]
    topics = projection.topics
    assert built(projection, log_of(wavering, topics), order) == built(projection, log_of(history, topics))


@pytest.mark.parametrize(
    "projection", [it for it in PROJECTIONS if it.name in {"tweets", "engagement", "search"}], ids=lambda it: it.name
)
@a_law
@given(history=histories, order=turns)
def test_what_was_taken_back_stays_away_when_its_post_is_logged_again(
    projection: Projection, history: list[Event], order: list[Turn]
) -> None:
    tweets_only = list(log_of(history, (TWEETS,)).values())
    again = history + [event for partition in tweets_only for event in partition]
    topics = projection.topics
    assert built(projection, log_of(again, topics), order) == built(projection, log_of(history, topics))


@a_law
@given(history=histories, order=turns)
def test_counts_equal_a_recount(history: list[Event], order: list[Turn]) -> None:
    expected = recount(history)
    by_name = {it.name: built(it, log_of(history, it.topics), order) for it in PROJECTIONS if it.dump is dump_tables}
    ids = sorted(expected.likes | expected.retweets | expected.replies | expected.quotes)
    assert by_name["engagement"]["counts"] == [
        (i, expected.likes[i], expected.retweets[i], expected.replies[i], expected.quotes[i]) for i in ids
    ]
    assert by_name["engagement"]["interactions"] == sorted((*key, n) for key, n in expected.interactions.items())
    assert by_name["graph"]["follow_counts"] == [
        (user, expected.followers[user], expected.following[user])
        for user in sorted(expected.followers | expected.following)
    ]
    assert by_name["tweets"]["author_counts"] == sorted(expected.tweets.items())


Read = Callable[[Any, int], list[Any]]


def lists_of_tweets(reader: SqliteTweetsReader, of: int) -> list[Read]:
    return [partial(read, of) for read in (reader.by_author, reader.replies, reader.quotes, reader.conversation)]


def lists_of_graph(reader: SqliteGraphReader, of: int) -> list[Read]:
    return [partial(reader.followers, of), partial(reader.following, of)]


def lists_of_engagement(reader: SqliteEngagementReader, of: int) -> list[Read]:
    return [partial(read, of) for read in (reader.likers, reader.retweeters, reader.bookmarks)]


LISTS: dict[str, tuple[Callable[[Path], Any], Callable[[Any, int], list[Read]]]] = {
    "tweets": (SqliteTweetsReader, lists_of_tweets),
    "graph": (SqliteGraphReader, lists_of_graph),
    "engagement": (SqliteEngagementReader, lists_of_engagement),
}


@pytest.mark.parametrize("projection", [it for it in PROJECTIONS if it.name in LISTS], ids=lambda it: it.name)
@a_law
@given(history=histories, size=st.integers(1, 4))
def test_pages_partition_the_list(projection: Projection, history: list[Event], size: int) -> None:
    open_reader_of, lists_of = LISTS[projection.name]
    ids = {*USERS, *(getattr(event, "tweet_id", 1) for event in history)}
    with closing(open_reader_of(build(projection, log_of(history, projection.topics)))) as reader:
        for read in (read for of in ids for read in lists_of(reader, of)):
            whole = read(None, 1000)
            paged: list[Any] = []
            while page := read(paged[-1] if paged else None, size):
                paged += page
            assert paged == whole == sorted(set(whole), reverse=True)
