"""Where generations are on servers, for a system that runs on them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from infra.cql.generations import CqlGenerations
from infra.cql.session import CqlSession
from infra.servers.fleet import servers_of
from projections.tweets.cql import CqlTweetsStore
from streams.tables import make_generation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.projections import ProjectionStore
    from infra.settings import Settings


@contextmanager
def place(
    settings: Settings,
) -> Iterator[tuple[CqlGenerations, Callable[[str, int], None], Callable[[int, str], ProjectionStore]]]:
    """Give the records, what makes tables, and what opens the store of tweets."""
    settings = servers_of(settings)
    with closing(CqlSession(settings)) as session:

        def open_tweets(number: int, log_id: str) -> ProjectionStore:
            return CqlTweetsStore(session, log_id, number)

        yield CqlGenerations(session, settings), partial(make_generation, settings), open_tweets
