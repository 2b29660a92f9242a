"""The read models that the push agent looks into."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from infra.projections import StoreUnavailableError
from projections.accounts import read_model as accounts
from projections.graph import read_model as graph
from projections.notifications import read_model as notifications
from projections.tweets import read_model as tweets
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from infra.log.port import Position
    from infra.sources import Source
    from projections.accounts.read_model import Account
    from projections.graph.read_model import GraphReader
    from projections.notifications.read_model import NotificationsReader
    from projections.tweets.read_model import TweetsReader

TOPICS: dict[str, tuple[str, ...]] = {
    model.PROJECTION: model.TOPICS for model in (notifications, tweets, graph, accounts)
}
"""Name of a projection → the topics whose positions it passes."""


class Models:
    """The read models by name; each raises StoreUnavailableError while it is not there."""

    def __init__(self, sources: Mapping[str, Source[Any]]) -> None:
        self._sources = sources

    async def passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether those that consume the positions have passed them, within `wait_s` seconds."""
        deadline = time.monotonic() + wait_s
        for name, source in self._sources.items():
            source.look()
            mine = [position for position in positions if position.topic in TOPICS[name]]
            if mine and not await source.until_passed(mine, max(0.0, deadline - time.monotonic())):
                return False
        return True

    @property
    def notifications(self) -> NotificationsReader:
        """Notifications."""
        reader: NotificationsReader = self._reader(notifications.PROJECTION)
        return reader

    @property
    def graph(self) -> GraphReader:
        """The graph."""
        reader: GraphReader = self._reader(graph.PROJECTION)
        return reader

    @property
    def tweets(self) -> TweetsReader:
        """Tweets."""
        reader: TweetsReader = self._reader(tweets.PROJECTION)
        return reader

    def stand(self, user_ids: Collection[int], now_ms: int) -> bool:
        """Tell whether none of the accounts is suspended or closed; one that is not projected yet stands."""
        found: dict[int, Account] = self._reader(accounts.PROJECTION).many(user_ids)
        return all(it.standing.status_at(now_ms) == accounts.ACTIVE for it in found.values())

    def actor(self, user_id: int) -> dict[str, str]:
        """Return what a message says of an account; names are empty for the moment in which it is not projected yet."""
        known = self._reader(accounts.PROJECTION).many([user_id]).get(user_id)
        named = ("", "") if known is None else (known.username, known.display_name)
        return {"user_id": to_uuid(user_id), "username": named[0], "display_name": named[1]}

    def _reader(self, name: str) -> Any:
        source = self._sources[name]
        if source.reader is None:
            source.look()
        if source.reader is None:
            raise StoreUnavailableError(f"{name}: {source.reason}")
        return source.reader

    def close(self) -> None:
        """Let go of them."""
        for source in self._sources.values():
            source.close("the process is stopping")
