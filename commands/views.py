"""What commands read: the read models, and the wait until one has caught up with the log.

A read model may lag behind what this process has written. So a decision that would refuse, or do nothing, because of
what it read first waits (bounded, woken by the store) until the model has passed the log's end as it is now.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from commands.errors import CommandRefusedError
from commands.places import places_of
from infra.consistency import have_passed
from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from infra.journal.port import Journal
    from infra.log.port import Position, TopicPartition
    from infra.sources import Source
    from projections.accounts.read_model import Account, AccountsReader
    from projections.accounts.standings import Standings
    from projections.engagement.read_model import EngagementReader
    from projections.graph.read_model import GraphReader
    from projections.media.read_model import MediaReader
    from projections.moderation.read_model import ModerationReader
    from projections.notifications.read_model import NotificationsReader
    from projections.tweets.read_model import TweetsReader

R = TypeVar("R", bound=ProjectionReader)

LOOK_SECONDS = 0.1


class View(Generic[R]):
    """One read model; it may come into being after this process, and have another generation at any time."""

    def __init__(self, name: str, source: Source[R], topics: Sequence[str]) -> None:
        self._name = name
        self._source = source
        self._topics = topics
        self._looked_at = float("-inf")

    @property
    def reader(self) -> R:
        """Return the reader; refuses the command where the projection has not been built yet."""
        now = time.monotonic()
        if self._source.reader is None or now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._source.look()
        reader = self._source.reader
        if reader is None:
            raise CommandRefusedError("projection_behind", f"{self._name} is not there yet")
        return reader

    async def passed(self, positions: Sequence[Position], wait_s: float) -> bool:
        """Return whether the model has passed those of the positions that it consumes, within `wait_s` seconds."""
        mine = [position for position in positions if position.topic in self._topics]
        if not mine or have_passed(self._checkpoints(), mine):
            return True
        return await self._source.until_passed(mine, wait_s)

    def _checkpoints(self) -> Mapping[TopicPartition, int]:
        self.reader  # noqa: B018 - refuses where there is none
        return self._source.checkpoints() or {}

    def close(self) -> None:
        """Stop listening."""
        self._source.close("the process is stopping")


class Views:
    """All read models that commands read."""

    def __init__(
        self,
        accounts: View[AccountsReader],
        tweets: View[TweetsReader],
        graph: View[GraphReader],
        engagement: View[EngagementReader],
        media: View[MediaReader],
        journal: Journal,
        wait_ms: int,
        places: Callable[[Collection[int]], Mapping[int, int]] | None = None,
        *,
        moderation: View[ModerationReader],
        standings: Standings,
        told: bool = False,
        notifications: View[NotificationsReader] | None = None,
    ) -> None:
        """`places` are those of authors, kept; without it they are read. `told`: the standings hear of changes."""
        self._standings, self._told = standings, told
        self._accounts, self._tweets, self._graph, self._engagement = accounts, tweets, graph, engagement
        self._media = media
        self._notifications = notifications
        self._moderation = moderation
        self._places = places or (lambda author_ids: places_of(self.accounts, author_ids))
        self._journal = journal
        self._wait_s = wait_ms / 1000
        self.all = (accounts, tweets, graph, engagement, media, moderation)

    @property
    def accounts(self) -> AccountsReader:
        """Return the reader of accounts."""
        return self._accounts.reader

    @property
    def tweets(self) -> TweetsReader:
        """Return the reader of tweets."""
        return self._tweets.reader

    @property
    def graph(self) -> GraphReader:
        """Return the reader of the graph."""
        return self._graph.reader

    @property
    def engagement(self) -> EngagementReader:
        """Return the reader of engagement."""
        return self._engagement.reader

    @property
    def notifications(self) -> NotificationsReader:
        """Return the reader of notifications: for exports, so nothing waits for it."""
        if self._notifications is None:
            raise CommandRefusedError("projection_behind", "notifications are not kept")
        return self._notifications.reader

    @property
    def standings(self) -> Standings:
        """Return what others decided about accounts; nothing while there is no projection yet."""
        try:
            self._standings.follow(self.accounts)
        except CommandRefusedError:
            return self._standings
        if not self._told:
            self._standings.refresh()
        self._standings.look()
        return self._standings

    def check_standing(self, user_id: int) -> None:
        """Refuse the command of an account that may do nothing now."""
        code = self.standings.refusal(user_id)
        if code is not None:
            raise CommandRefusedError(code)

    @property
    def media(self) -> MediaReader:
        """Return the reader of media."""
        return self._media.reader

    @property
    def moderation(self) -> ModerationReader:
        """Return the reader of moderation."""
        return self._moderation.reader

    async def moderation_fresh(self, subject_id: int) -> bool:
        """Wait until moderation knows all that was said about one subject."""
        return await self._moderation.passed(self._journal.ends("moderation", subject_id), self._wait_s)

    def place_of(self, author_id: int) -> int:
        """Return where the author says to be; the world while the account is not projected yet."""
        return self._places((author_id,))[author_id]

    async def passed(self, positions: Sequence[Position]) -> None:
        """Wait for all models to pass the positions of a consistency token; a model that does not is left behind."""
        await asyncio.gather(*(view.passed(positions, self._wait_s) for view in self.all))

    async def have_passed(self, positions: Sequence[Position]) -> bool:
        """Tell whether all models have passed the positions, within the time that commands wait."""
        return all(await asyncio.gather(*(view.passed(positions, self._wait_s) for view in self.all)))

    async def accounts_fresh(self, user_id: int | None) -> bool:
        """Wait until accounts know all that was written about one account (None: about any)."""
        return await self._accounts.passed(self._journal.ends("accounts", user_id), self._wait_s)

    async def account(self, user_id: int) -> Account | None:
        """Return an account, all that was written about it considered; None where there is none."""
        await self.accounts_fresh(user_id)
        return self.accounts.many([user_id]).get(user_id)

    async def tweets_fresh(self, author_id: int | None = None) -> bool:
        """Wait until tweets know all that one author (None: anyone) wrote."""
        return await self._tweets.passed(self._journal.ends("tweets", author_id), self._wait_s)

    async def graph_fresh(self, *user_ids: int) -> bool:
        """Wait until the graph knows all relations that the accounts have begun or ended."""
        positions = [position for user_id in user_ids for position in self._journal.ends("follows", user_id)]
        return await self._graph.passed(positions, self._wait_s)

    async def engagement_fresh(self, tweet_id: int) -> bool:
        """Wait until engagement knows all likes and bookmarks of a tweet."""
        return await self._engagement.passed(self._journal.ends("engagements", tweet_id), self._wait_s)

    async def retweets_fresh(self, user_id: int) -> bool:
        """Wait until engagement knows all retweets by an account."""
        return await self._engagement.passed(self._journal.ends("tweets", user_id), self._wait_s)

    async def media_passed(self, position: Position, wait_s: float) -> bool:
        """Return whether media have passed a position, within so many seconds."""
        return await self._media.passed([position], wait_s)

    async def media_fresh(self, owner_id: int) -> bool:
        """Wait until media know all that was said of those of an account."""
        return await self._media.passed(self._journal.ends("media", owner_id), self._wait_s)

    def close(self) -> None:
        """Stop listening."""
        for view in self.all:
            view.close()
        if self._notifications is not None:
            self._notifications.close()
