"""What the push agent works with on files."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.generations.files import FileGenerations
from infra.push.files import SqliteSubscriptions
from infra.sources import FileSource
from projections.accounts.sqlite import SqliteAccountsReader
from projections.graph.sqlite import SqliteGraphReader
from projections.notifications.sqlite import SqliteNotificationsReader
from projections.tweets.sqlite import SqliteTweetsReader
from streams.parts import PushParts

if TYPE_CHECKING:
    from contextlib import ExitStack

    from infra.settings import Settings
    from infra.sqlite.projection_store import SqliteProjectionReader

_READERS: dict[str, type[SqliteProjectionReader]] = {
    "notifications": SqliteNotificationsReader,
    "tweets": SqliteTweetsReader,
    "graph": SqliteGraphReader,
    "accounts": SqliteAccountsReader,
}


def open_push(settings: Settings, open_things: ExitStack) -> PushParts:
    """Open the file of devices, and follow the read models."""
    folder = settings.projections_dir
    kept = FileGenerations(folder)
    sources: dict[str, FileSource[Any]] = {
        name: FileSource(name, folder, reader, reader.SCHEMA_VERSION, kept) for name, reader in _READERS.items()
    }
    for source in sources.values():
        open_things.callback(source.close, "the process is stopping")
    return PushParts(open_things.enter_context(closing(SqliteSubscriptions(settings.push_path))), sources)
