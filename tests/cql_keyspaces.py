"""Keyspaces of a test's own on Scylla or Cassandra, dropped when it is done."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from infra.cql.migrate import migrate
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.settings import Settings


def in_keyspace(settings: Settings, name: str) -> Settings:
    """Return the settings with a keyspace that no other run of the tests has."""
    return settings.model_copy(update={"cassandra_keyspace": f"{name}_{os.getpid()}"})


@contextmanager
def dropped(settings: Settings) -> Iterator[CqlSession]:
    """Give a session of the admin without keyspace; drop both keyspaces in the end."""
    with closing(CqlSession(settings, keyspace="")) as admin:
        try:
            yield admin
        finally:
            for keyspace in keyspaces(settings):
                admin.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


@contextmanager
def migrated(settings: Settings, name: str) -> Iterator[CqlSession]:
    """Give a session in a new keyspace."""
    own = in_keyspace(settings, name)
    with dropped(own) as admin:
        migrate(admin, own)
        with closing(CqlSession(own)) as session:
            yield session
