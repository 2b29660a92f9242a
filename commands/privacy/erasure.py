"""Erases accounts whose time has come: the one effect by which what is personal goes for good.

An erasure first says, as facts, that what the account did is undone: its tweets deleted, its follows ended. Every
projection hears of it in the order of its log partition and ends where a replay ends, which reads the same facts. Then
AccountErased; and when all that is kept up has passed it, the key is destroyed: what the log and its copies hold of the
account is ids and times from then on. Last, what lies outside of the log is deleted, and overwritten.

Guarantee:  killed anywhere, the next round goes on: each step looks at what is left, and none does harm twice. One
            process is about an account, by a lease. The key goes only after all copies that are kept up have heard
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter

from commands import claims
from commands.decision import Stamp
from commands.media import collector, promises
from commands.privacy import handler, texts, topics
from infra.journal.port import AlreadyClaimedError, Commit
from infra.json_logs import FIELDS
from projections.accounts.read_model import DELETED
from schemas.catalogue import FACT_TOPICS
from schemas.media.paths import prefix_of, upload_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commands.services import Services
    from infra.objects.port import ObjectStore
    from schemas.envelope import Event

SYSTEM = 0
AT_ONCE = 500  # events in one append
LEASE_MS = 10 * 60_000
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1
MOST_A_ROUND = 100

ERASURES = Counter("murmur_erasures", "Erasures of accounts that were tried.", ["outcome"])

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What came of an erasure: why it is not done yet, and what is left for a person to do."""

    waits_for: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()


class Erasure:
    """Works with the services of the command process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._privacy = services.privacy

    async def round(self) -> int:
        """Erase those whose time has come; return how many are done."""
        done = 0
        for user_id in self._privacy.departures.due(self._services.clock.now_ms(), MOST_A_ROUND):
            try:
                outcome = await self.erase(user_id)
            except Exception:
                ERASURES.labels("failed").inc()
                log.exception("an account could not be erased; the next round goes on")
                continue
            done += not outcome.waits_for
            ERASURES.labels("waits" if outcome.waits_for else "done").inc()
            said = {"user_id": user_id, "waits_for": outcome.waits_for, "remains": outcome.remains}
            log.info("erasure %s", "goes on later" if outcome.waits_for else "done", extra={FIELDS: said})
        return done

    async def erase(self, user_id: int, *, now: bool = False) -> Outcome:
        """Erase an account that is closed (`now`: or is to be); return what it waits for, or what remains."""
        departures, now_ms = self._privacy.departures, self._services.clock.now_ms()
        if now:
            departures.note(user_id, now_ms)
        if not departures.lease(user_id, now_ms, now_ms + LEASE_MS):
            return Outcome(("another process, which is about it",))
        account = await self._services.views.account(user_id)
        if account is None or (account.status != DELETED and not now):
            departures.forget(user_id)  # it came back, or never was
            return Outcome()
        try:
            outcome = await self._erase(user_id)
        finally:
            departures.lease(user_id, now_ms + LEASE_MS + 1, 0)
        if not outcome.waits_for:
            departures.forget(user_id)
        return outcome

    async def _erase(self, user_id: int) -> Outcome:
        services = self._services
        await self._begin(user_id)
        await services.registry.end_sessions(user_id)
        if not await self._undo(user_id):
            return Outcome(("read models of the commands",))
        await self._collect_media(user_id)
        await texts.erase(services, user_id, self._stamp())
        await topics.withdraw(services, user_id, self._stamp())
        await self._finish(user_id)
        positions = [position for topic in FACT_TOPICS for position in services.journal.ends(topic, None)]
        until = time.monotonic() + PATIENCE_SECONDS
        while behind := self._privacy.copies.behind(positions):
            if time.monotonic() > until:
                return Outcome(tuple(behind))
            await asyncio.sleep(LOOK_SECONDS)
        await services.registry.destroy(user_id)
        await services.grants.remove_all(user_id)
        if services.push is not None:
            for it in services.push.subscriptions.of({user_id}).get(user_id, ()):
                services.push.subscriptions.remove(user_id, it.subscription_id)
        if self._privacy.shelf is not None:
            await asyncio.to_thread(self._privacy.shelf.clear, user_id)
        return Outcome(remains=tuple(await self._scrub()))

    async def _begin(self, user_id: int) -> None:
        if self._services.journal.owner(claims.erasing_key(user_id)) is None:
            try:
                await self._services.journal.commit(handler.begin(user_id, self._stamp()))
            except AlreadyClaimedError:
                log.info("an erasure that had begun goes on", extra={FIELDS: {"user_id": user_id}})

    async def _undo(self, user_id: int) -> bool:
        """Undo all that the read models know of; tell whether nothing is left."""
        views = self._services.views
        await asyncio.gather(views.tweets_fresh(user_id), views.graph_fresh(user_id), views.retweets_fresh(user_id))
        while said := [event for some in self._left(user_id) for event in some][:AT_ONCE]:
            answer = await self._services.journal.commit(Commit(tuple(said), (), (), 200, b"", None))
            until = time.monotonic() + PATIENCE_SECONDS
            while not await views.have_passed(answer.positions):
                if time.monotonic() > until:
                    return False
        return True

    def _left(self, user_id: int) -> Iterator[list[Event]]:
        views, stamp = self._services.views, self._stamp()
        yield [*collector.erased(collector.standing_of(views.media, user_id, AT_ONCE), stamp)]
        tweets = views.tweets.many(views.tweets.by_author(user_id, None, AT_ONCE))
        yield handler.undo_tweets(tweets.values(), stamp)
        following = [it.user_id for it in views.graph.following(user_id, None, AT_ONCE)]
        followers = [it.user_id for it in views.graph.followers(user_id, None, AT_ONCE)]
        yield handler.undo_follows(user_id, following, followers, stamp)
        aversions = views.graph.aversions(user_id)
        yield handler.undo_aversions(user_id, aversions.blocking, aversions.muting, stamp)
        yield handler.undo_likes(user_id, views.engagement.likes(user_id, 0, AT_ONCE), stamp)
        kept = [it.id for it in views.engagement.bookmarks(user_id, None, AT_ONCE)]
        yield handler.undo_bookmarks(user_id, kept, stamp)

    async def _collect_media(self, user_id: int) -> None:
        """Delete what an account announced, the bytes of its media, and say so; what is collected is passed by."""
        media, before = self._services.views.media, None
        if self._services.media is not None:
            await asyncio.to_thread(promises.forget_all, self._services.media.objects, user_id)
        while ids := media.of_owner(user_id, before, AT_ONCE):
            before = ids[-1]
            standing = [it.media_id for it in media.many(ids).values()]
            if self._services.media is not None:
                await asyncio.to_thread(_delete_objects, self._services.media.objects, standing)
            said = handler.collect(user_id, standing, self._stamp())
            await self._services.journal.commit(Commit(tuple(said), (), (), 200, b"", None))

    async def _finish(self, user_id: int) -> None:
        """Say AccountErased, unless it was said."""
        services = self._services
        account = services.views.accounts.many([user_id])[user_id]
        if not account.username:
            return
        digest = services.registry.gone_digest(account.username)
        await services.journal.forget(user_id, account.username)
        if services.journal.owner(claims.gone_key(digest)) is not None:
            return
        email_claim = (await services.registry.kept_key(user_id)).email_claim
        await services.journal.commit(handler.finish(account, digest, email_claim, self._stamp()))

    async def _scrub(self) -> list[str]:
        if self._services.below is None:
            return await asyncio.to_thread(self._privacy.copies.scrub)
        return self._privacy.copies.scrub()

    def _stamp(self) -> Stamp:
        return Stamp(SYSTEM, self._services.clock.now_ms(), "erasure", self._services.next_id)


def _delete_objects(objects: ObjectStore, media_ids: Iterable[int]) -> None:
    for media_id in media_ids:
        for it in list(objects.list(prefix_of(media_id))):
            objects.delete(it.key)
        objects.delete(upload_key(media_id))
