"""Finds media that nothing has any more, and says that they are collected; their bytes are then deleted by the agent.

Consumes:   the read model of media, once it has passed all that the journal had written
Writes:     MediaCollected, with the claim on what was never attached: so nothing can attach it at the same moment
Guarantee:  nothing that a tweet or a profile has is collected; killed anywhere, the next round goes on; two at a time
            collect a thing once
Rebuild:    never: what was collected is a fact
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from commands import claims
from commands.decision import Stamp
from commands.media.promises import PROMISED, SENT, STANDS_MS
from infra.journal.port import AlreadyClaimedError, Commit
from infra.objects.port import ObjectError
from projections.media.read_model import State, Use
from schemas.ids import from_uuid
from schemas.media.events import MediaCollected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.services import Services
    from infra.objects.port import Listed
    from projections.media.read_model import Media, MediaReader

HOUR_MS = 3_600_000
LOOK_BACK_HOURS = 6
"""Beyond what is due now, for what rounds have missed; whoever was off for longer says so: `murmur media gc --days`."""
SYSTEM = 0
MOST_A_ROUND = 1_000
PAGE = 500
UPLOADS, SERVED = "uploads/", "media/"

log = logging.getLogger(__name__)


class Due(NamedTuple):
    """What nothing has, and why it goes."""

    media_id: int
    owner_id: int
    reason: str


class Collected(NamedTuple):
    """What a round found: media, and objects that belong to none. `behind`: it could not be known yet."""

    media: tuple[Due, ...] = ()
    objects: tuple[str, ...] = ()
    behind: bool = False


class Ages(NamedTuple):
    """The moments before which something has been unused for long enough."""

    unattached_ms: int
    deleted_ms: int


class Collector:
    """Works with the services of the command process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def round(self, *, days: int = 0, dry_run: bool = False, thorough: bool = False) -> Collected:
        """Collect what is due, of the last days at least; `thorough` also looks for objects that belong to nothing."""
        services = self._services
        if services.media is None:
            return Collected()
        ends = [end for topic in ("accounts", "media", "tweets") for end in services.journal.ends(topic, None)]
        if not await services.views.have_passed(ends):
            return Collected(behind=True)
        due = self._due(days)[:MOST_A_ROUND]
        if not dry_run:
            due = [it for it in due if await self._collect(it)]
        left = await self._left_over(thorough=thorough)
        if not dry_run:
            await asyncio.to_thread(self._delete, left)
        return Collected(tuple(due), tuple(left))

    def _due(self, days: int) -> list[Due]:
        settings, views, now = self._services.settings, self._services.views, self._services.clock.now_ms()
        ages = Ages(now - settings.media_unattached_hours * HOUR_MS, now - settings.media_deleted_hours * HOUR_MS)
        back = max(days * 24, settings.media_unattached_hours + LOOK_BACK_HOURS, settings.media_deleted_hours)
        media_ids = views.media.due(now - back * HOUR_MS, now + HOUR_MS)
        found, uses = views.media.many(media_ids), views.media.uses(media_ids)
        known = ((it, uses.get(it.media_id, Use())) for it in found.values())
        return [Due(it.media_id, it.owner_id, reason) for it, use in known if (reason := self._reason(it, use, ages))]

    def _reason(self, media: Media, use: Use, ages: Ages) -> str:
        """Return why it goes; empty: it stays."""
        if media.collected_at_ms or use.in_profile:
            return ""
        if use.tweet_id:
            return "deleted" if 0 < use.gone_at_ms <= ages.deleted_ms else ""
        if media.at_ms > ages.unattached_ms:
            return ""
        holder = self._services.journal.owner(claims.media_key(media.media_id))
        if holder is None:
            return "failed" if media.state == State.FAILED else "unattached"
        return "replaced" if holder == media.owner_id else ""  # any other holder is a tweet that is just being posted

    async def _collect(self, due: Due) -> bool:
        event = MediaCollected(self._stamp().envelope(), due.media_id, due.owner_id, due.reason)
        names = (claims.media(due.media_id, SYSTEM),) if due.reason in {"unattached", "failed"} else ()
        try:
            await self._services.journal.commit(Commit((event,), names, (), 200, b"", None))
        except AlreadyClaimedError:
            return False
        return True

    def _stamp(self) -> Stamp:
        return Stamp(SYSTEM, self._services.clock.now_ms(), "", self._services.next_id)

    async def _left_over(self, *, thorough: bool) -> list[str]:
        """Return the objects that belong to nothing: what was left where a process died."""
        parts, views = self._services.media, self._services.views
        if parts is None:
            return []
        before_ms = self._services.clock.now_ms() - self._services.settings.media_unattached_hours * HOUR_MS

        def old(prefix: str, before_ms: int = before_ms) -> list[Listed]:
            return [it for it in parts.objects.list(prefix) if it.modified_ms < before_ms]

        uploads = await asyncio.to_thread(old, UPLOADS)
        unsettled = views.media.many({_media_id(it.key) for it in uploads})
        left = [it.key for it in uploads if not _waits(unsettled.get(_media_id(it.key)))]
        if thorough:
            served = await asyncio.to_thread(old, SERVED)
            known = views.media.many({_media_id(it.key) for it in served})
            left += [it.key for it in served if not _stands(known.get(_media_id(it.key)))]
        ended_ms = min(before_ms, self._services.clock.now_ms() - 2 * STANDS_MS)  # none can be completed any more
        return left + [it.key for prefix in (SENT, PROMISED) for it in await asyncio.to_thread(old, prefix, ended_ms)]

    def _delete(self, keys: Iterable[str]) -> None:
        parts = self._services.media
        for key in keys if parts is not None else ():
            try:
                parts.objects.delete(key)  # type: ignore[union-attr]  # there are keys only where there is a store
            except ObjectError as error:
                log.warning("an object that belongs to nothing stays: %s", error)
                return


def standing_of(reader: MediaReader, owner_id: int, most: int) -> list[Due]:
    """Return media of an account that were not collected, to be erased."""
    found: list[Due] = []
    before: int | None = None
    while len(found) < most and (page := reader.of_owner(owner_id, before, PAGE)):
        found += [Due(it.media_id, owner_id, "erased") for it in reader.many(page).values() if not it.collected_at_ms]
        before = page[-1]
    return found[:most]


def erased(due: Iterable[Due], stamp: Stamp) -> list[MediaCollected]:
    """Say that media go with their owner."""
    return [MediaCollected(stamp.envelope(), *it) for it in due]


def _media_id(key: str) -> int:
    return from_uuid(key.split("/")[1]) or 0


def _waits(media: Media | None) -> bool:
    """Tell whether an upload is still to be decoded."""
    return media is not None and media.state == State.PROCESSING and not media.collected_at_ms


def _stands(media: Media | None) -> bool:
    return media is not None and not media.collected_at_ms
