"""What an erasure asks of servers: whether rows have heard, and what is left of what was deleted."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.clock import SystemClock
from infra.cql.generations import CqlGenerations
from infra.cql.migrate import migrate
from infra.cql.projection_tables import create
from infra.cql.session import CqlSession
from infra.erasing.servers import ROWS_REMAIN, ServerCopies
from infra.generations.changes import Generations
from infra.generations.record import State
from infra.log.port import Position, Span
from infra.projections import placed
from projections.tweets import projector
from projections.tweets.cql import CqlTweetsStore
from tests.builders import deleted, posted
from tests.conftest import settings_of
from tests.cql_keyspaces import dropped, in_keyspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def own(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, CqlSession]]:
    settings = in_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra"), "erasing")
    on_servers = settings.model_copy(update={"profile": "cluster", "elasticsearch_urls": ""})
    with dropped(on_servers) as admin:
        migrate(admin, on_servers)
        with closing(CqlSession(on_servers)) as session:
            yield on_servers, session


def test_rows_are_behind_until_they_have_passed_and_only_of_their_topics(own: tuple[Settings, CqlSession]) -> None:
    settings, session = own
    create(session, CqlTweetsStore)
    copies = ServerCopies(settings, session)
    assert copies.behind([]) == []
    waiting = copies.behind([Position("tweets", 0, 0)])
    assert "tweets: generation 1" in waiting
    assert not {"graph: generation 1", "home_timeline: generation 1", "search: generation 1"} & {*waiting}
    with closing(CqlTweetsStore(session, "a-log")) as store:
        store.apply(placed(projector.project)([posted(1, 10)]), Span("tweets", 0, 0, 1))
    assert "tweets: generation 1" not in copies.behind([Position("tweets", 0, 0)])
    assert "tweets: generation 1" in copies.behind([Position("tweets", 0, 1)])


def test_of_a_deleted_tweet_the_row_stays_without_its_words_whatever_comes_again(
    own: tuple[Settings, CqlSession],
) -> None:
    _, session = own
    create(session, CqlTweetsStore)
    project = placed(projector.project)
    with closing(CqlTweetsStore(session, "a-log")) as store:
        store.apply(project([posted(1, 20, "words")]), Span("tweets", 1, 0, 1))
        ((body, removed),) = session.run("SELECT body, removed FROM tweets_g1 WHERE tweet_id = 20")
        assert (b"words" in body, removed) == (True, None)
        store.apply(project([deleted(1, 20)]), Span("tweets", 1, 1, 2))
    with closing(CqlTweetsStore(session, "a-log")) as store:
        store.apply(project([posted(1, 20, "words")]), Span("tweets", 1, 0, 1))
    assert session.run("SELECT body, removed FROM tweets_g1 WHERE tweet_id = 20") == [(b"", True)]


def test_builds_that_nobody_keeps_up_are_given_up_and_what_remains_is_told(own: tuple[Settings, CqlSession]) -> None:
    settings, session = own
    changes = Generations(CqlGenerations(session, settings), SystemClock())
    number = changes.begin("tweets", 1)
    changes.mark("tweets", number, State.FAILED)
    told = ServerCopies(settings, session).scrub()
    assert told[-1] == ROWS_REMAIN
    assert any(line.startswith(f"tweets: generation {number} is given up") for line in told)
    assert changes.of("tweets").known(number).state is State.DROPPING
