"""What the push agent works with on servers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.cql.progress import Look
from infra.cql.roles import role
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.progress import Part, Progress, ServerSource
from infra.push.cql_subscriptions import CqlSubscriptions
from projections.accounts.cql import CqlAccountsReader
from projections.graph.cql import CqlGraphReader
from projections.notifications.cql_reader import CqlNotificationsReader
from projections.tweets.cql_reader import CqlTweetsReader
from streams.parts import PushParts

if TYPE_CHECKING:
    from contextlib import ExitStack

    from infra.cql.projection_store import CqlProjectionReader
    from infra.settings import Settings


_READERS: tuple[type[CqlProjectionReader], ...] = (
    CqlNotificationsReader,
    CqlTweetsReader,
    CqlGraphReader,
    CqlAccountsReader,
)


def open_push(settings: Settings, rows: CqlSession, open_things: ExitStack) -> PushParts:
    """Open a session for the devices, and one poll of how far the read models are."""
    devices = CqlSession(role(settings, "app"), keyspace=keyspaces(settings).lwt)
    open_things.enter_context(closing(devices))
    look = Look(rows, keyspaces(settings).lwt)
    progress = Progress([Part("rows", tuple(reader.PROJECTION for reader in _READERS), look.read)])
    open_things.callback(progress.close)
    sources: dict[str, ServerSource[Any]] = {
        reader.PROJECTION: ServerSource(look.rows(reader), progress) for reader in _READERS
    }
    return PushParts(CqlSubscriptions(devices), sources)
