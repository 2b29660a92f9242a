"""Every backend of every projection: a second backend adds one entry, and all contract tests run over it too."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from infra.log.port import Span
from projections.accounts import projector as accounts
from projections.accounts.sqlite import SqliteAccountsReader, SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement.sqlite import SqliteEngagementReader, SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphReader, SqliteGraphStore
from projections.media import projector as media
from projections.media.sqlite import SqliteMediaReader, SqliteMediaStore
from projections.moderation import projector as moderation
from projections.moderation.sqlite import SqliteModerationReader, SqliteModerationStore
from projections.notifications import projector as notifications
from projections.notifications.sqlite import SqliteNotificationsReader, SqliteNotificationsStore
from projections.search import projector as search
from projections.search.sqlite import SqliteSearchReader, SqliteSearchStore
from projections.spam import projector as spam
from projections.spam.sqlite import SqliteSpamReader, SqliteSpamStore
from projections.trends import projector as trends
from projections.trends.sqlite import SqliteTrendsReader, SqliteTrendsStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsReader, SqliteTweetsStore
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import topic_and_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from infra.projections import ProjectionStore
    from schemas.envelope import Event

LOG_ID = "a-log"
Reader = TypeVar("Reader")


class Backend(NamedTuple):
    project: Callable[[Sequence[Event]], Sequence[Any]]
    open_store: Callable[[Path, str], ProjectionStore]
    open_reader: Callable[[Path], Any]


BACKENDS: dict[str, dict[str, Backend]] = {
    "accounts": {"sqlite": Backend(accounts.project, SqliteAccountsStore, SqliteAccountsReader)},
    "tweets": {"sqlite": Backend(tweets.project, SqliteTweetsStore, SqliteTweetsReader)},
    "graph": {"sqlite": Backend(graph.project, SqliteGraphStore, SqliteGraphReader)},
    "engagement": {"sqlite": Backend(engagement.project, SqliteEngagementStore, SqliteEngagementReader)},
    "notifications": {"sqlite": Backend(notifications.project, SqliteNotificationsStore, SqliteNotificationsReader)},
    "media": {"sqlite": Backend(media.project, SqliteMediaStore, SqliteMediaReader)},
    "moderation": {"sqlite": Backend(moderation.project, SqliteModerationStore, SqliteModerationReader)},
    "spam": {"sqlite": Backend(spam.project, SqliteSpamStore, SqliteSpamReader)},
    "search": {"sqlite": Backend(search.project, SqliteSearchStore, SqliteSearchReader)},
    "trends": {"sqlite": Backend(trends.project, SqliteTrendsStore, SqliteTrendsReader)},
}

if os.environ.get("MURMURATION_CLUSTER") == "1":  # else their driver need not be installed
    from projections.accounts.cql import CqlAccountsReader, CqlAccountsStore
    from projections.engagement.cql import CqlEngagementStore
    from projections.engagement.cql_reader import CqlEngagementReader
    from projections.graph.cql import CqlGraphReader, CqlGraphStore
    from projections.media.cql import CqlMediaReader, CqlMediaStore
    from projections.moderation.cql import CqlModerationReader, CqlModerationStore
    from projections.notifications.cql import CqlNotificationsReader, CqlNotificationsStore
    from projections.spam.cql import CqlSpamReader, CqlSpamStore
    from projections.trends.cql import CqlTrendsStore
    from projections.trends.cql_reader import CqlTrendsReader
    from projections.tweets.cql import CqlTweetsStore
    from projections.tweets.cql_reader import CqlTweetsReader
    from tests.contract.cql_backends import cql_backend
    from tests.contract.elastic_backends import elastic_backend

    BACKENDS["accounts"]["cql"] = Backend(*cql_backend(accounts.project, CqlAccountsStore, CqlAccountsReader))
    BACKENDS["tweets"]["cql"] = Backend(*cql_backend(tweets.project, CqlTweetsStore, CqlTweetsReader))
    BACKENDS["graph"]["cql"] = Backend(*cql_backend(graph.project, CqlGraphStore, CqlGraphReader))
    BACKENDS["engagement"]["cql"] = Backend(*cql_backend(engagement.project, CqlEngagementStore, CqlEngagementReader))
    BACKENDS["moderation"]["cql"] = Backend(*cql_backend(moderation.project, CqlModerationStore, CqlModerationReader))
    BACKENDS["spam"]["cql"] = Backend(*cql_backend(spam.project, CqlSpamStore, CqlSpamReader))
    BACKENDS["media"]["cql"] = Backend(*cql_backend(media.project, CqlMediaStore, CqlMediaReader))
    BACKENDS["notifications"]["cql"] = Backend(
        *cql_backend(notifications.project, CqlNotificationsStore, CqlNotificationsReader)
    )
    BACKENDS["trends"]["cql"] = Backend(*cql_backend(trends.project, CqlTrendsStore, CqlTrendsReader))
    BACKENDS["search"]["elasticsearch"] = Backend(*elastic_backend())


class Kept(Generic[Reader]):
    """A store being filled from a log, and a reader beside it."""

    def __init__(self, backend: Backend, path: Path) -> None:
        self._open = ExitStack()
        self._project = backend.project
        self._next: dict[str, int] = {}
        self.said = 0
        self.store = self._open.enter_context(closing(backend.open_store(path, LOG_ID)))
        self.reader: Reader = self._open.enter_context(closing(backend.open_reader(path)))

    def say(self, *events: Event) -> Self:
        """Apply each event as a batch of its own."""
        for event in events:
            self.say_at_once(event)
        return self

    def say_at_once(self, *events: Event) -> Self:
        """Apply the events, all of one topic, as one batch."""
        topic = topic_and_key(events[0])[0]
        start = self._next.get(topic, 0)
        self._next[topic] = start + len(events)
        self.said += 1
        self.store.apply(self._project(events), Span(topic, 0, start, start + len(events)))
        return self

    def retry(self, event: Event, at: int) -> None:
        """Apply an event that was a dead letter, the one at this offset."""
        self.store.apply(self._project([event]), Span(DEAD_LETTERS, 0, at, at + 1))

    def close(self) -> None:
        """Close both."""
        self._open.close()
