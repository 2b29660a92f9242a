"""The law of home timelines, where none is kept: pulled from tweets and the graph, the list is the definition's."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span
from infra.recent import Recent
from projections.accounts.standings import Standings
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphReader, SqliteGraphStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsReader, SqliteTweetsStore
from query_api.home_timeline import pulled
from query_api.home_timeline.pulled import PulledHomeTimelines
from query_api.tweets.hydrate import TweetHydrator
from query_api.tweets.rules import visible
from schemas.catalogue import FOLLOWS, TWEETS
from schemas.codec import topic_and_key
from schemas.tweets.events import Retweeted, TweetDeleted
from tests.property.test_pushed_equals_pulled import USERS, Choice, choices, defined, history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from schemas.envelope import Event


def shown(timelines: PulledHomeTimelines, viewer: int, page_size: int) -> Iterator[int]:
    below = None
    while page := timelines.page(viewer, below, page_size):
        yield from page
        below = page[-1]
        if len(page) < page_size:
            return


def that_show(ids: Sequence[int], events: Sequence[Event]) -> list[int]:
    """Leave out retweets of what is gone: they are in the list that is pushed, and never show."""
    gone = {event.tweet_id for event in events if isinstance(event, TweetDeleted)}
    of_gone = {event.tweet_id for event in events if isinstance(event, Retweeted) and event.original_id in gone}
    return [tweet_id for tweet_id in ids if tweet_id not in of_gone]


def test_every_viewer_sees_the_list_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulled, "FOLLOWS_PER_READ", 2)

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        steps=st.lists(choices, min_size=40, max_size=120), first_read=st.integers(1, 4), page_size=st.integers(1, 9)
    )
    def law(steps: list[Choice], first_read: int, page_size: int) -> None:
        monkeypatch.setattr(pulled, "FIRST_READ", first_read)
        events = list(history(steps))
        with tempfile.TemporaryDirectory() as folder, ExitStack() as open_things:
            path = Path(folder)
            stores: tuple[tuple[Any, Any, str], ...] = (
                (SqliteGraphStore(path / "graph.db", "log"), graph.project, FOLLOWS),
                (SqliteTweetsStore(path / "tweets.db", "log"), tweets.project, TWEETS),
            )
            for store, project, topic in stores:
                open_things.enter_context(closing(store))
                mine = [event for event in events if topic_and_key(event)[0] == topic]
                store.apply(project(mine), Span(topic, 0, 0, len(events)))
            graph_reader = open_things.enter_context(closing(SqliteGraphReader(path / "graph.db")))
            tweets_reader = open_things.enter_context(closing(SqliteTweetsReader(path / "tweets.db")))
            hydrator = TweetHydrator(tweets_reader, Recent(99), Standings(lambda: 0))
            timelines = PulledHomeTimelines(graph_reader, tweets_reader, hydrator.load)
            for viewer in USERS:
                ids = list(shown(timelines, viewer, page_size))
                assert ids == [it for it, _ in visible(ids, hydrator.load(ids))]
                assert ids == that_show(defined(viewer, events), events)

    law()
