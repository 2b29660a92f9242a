"""What is in an export: each kind of thing that is kept of an account, a page at a time.

Guarantee:  a page tells from where the next one is read, in plain numbers, so that it can be read by another process
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from commands.accounts.handler import user_answer
from infra.clock import rfc3339
from projections.engagement.read_model import Mark
from projections.graph.read_model import Edge
from projections.notifications.read_model import MINUTE_MS, Entry, Kind
from schemas.ids import to_uuid, unix_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commands.services import Services

PAGE = 500
ENTRIES = 20  # of notifications: with OF_A_GROUP at most 100,000 notices, some 15 MB
OF_A_GROUP = 5_000  # notices about one thing on one day, the newest

KINDS: Final = (
    "account", "tweets", "following", "followers", "blocks_and_mutes", "likes", "bookmarks", "notifications",
    "sessions", "apps", "media",
)  # fmt: skip


class Page(NamedTuple):
    """Some lines, and from where the next page is read; None: it was the last."""

    lines: list[bytes]
    onward: Any = None


class Contents:
    """All that is kept of one account."""

    def __init__(self, services: Services, user_id: int) -> None:
        self._services = services
        self._user_id = user_id

    async def page(self, kind: str, since: Any) -> Page:
        """Return the page of a kind from there on; None: from the beginning."""
        found: Page = await getattr(self, f"_{kind}")(since)
        return found

    async def _account(self, _: None) -> Page:
        account = self._services.views.accounts.many([self._user_id])[self._user_id]
        told = msgspec.to_builtins(user_answer(account))
        return _page([{**told, "email": await self._services.registry.address(self._user_id)}])

    async def _tweets(self, max_id: int | None) -> Page:
        tweets = self._services.views.tweets
        ids = tweets.by_author(self._user_id, max_id, PAGE)
        found = tweets.many(ids)
        return Page([b"{%b}\n" % found[it].body for it in ids if it in found], ids[-1] if ids else None)

    async def _following(self, before: Sequence[int] | None) -> Page:
        return _edges(self._services.views.graph.following(self._user_id, Edge(*before) if before else None, PAGE))

    async def _followers(self, before: Sequence[int] | None) -> Page:
        return _edges(self._services.views.graph.followers(self._user_id, Edge(*before) if before else None, PAGE))

    async def _blocks_and_mutes(self, _: None) -> Page:
        found = self._services.views.graph.aversions(self._user_id)
        blocks = [{"blocks": to_uuid(it)} for it in sorted(found.blocking)]
        return _page([*blocks, *({"mutes": to_uuid(it)} for it in sorted(found.muting))])

    async def _likes(self, after: int | None) -> Page:
        likes = self._services.views.engagement.likes(self._user_id, after or 0, PAGE)
        lines = [{"tweet_id": to_uuid(it.tweet_id), "at": rfc3339(it.at_ms)} for it in likes]
        return _page(lines, likes[-1].tweet_id if likes else None)

    async def _bookmarks(self, before: Sequence[int] | None) -> Page:
        marks = self._services.views.engagement.bookmarks(self._user_id, Mark(*before) if before else None, PAGE)
        lines = [{"tweet_id": to_uuid(it.id), "at": rfc3339(it.at_ms)} for it in marks]
        return _page(lines, marks[-1] if marks else None)

    async def _notifications(self, before: Sequence[int] | None) -> Page:
        reader = self._services.views.notifications
        entries = reader.entries(self._user_id, Entry(*before) if before else None, ENTRIES)
        groups = reader.groups(self._user_id, {it.group for it in entries}, OF_A_GROUP)
        lines = [
            {"kind": Kind(entry.kind).word, "tweet_id": to_uuid(entry.tweet_id) if entry.tweet_id else None,
             "user_id": to_uuid(it.actor_id), "at": rfc3339(it.at_ms)}
            for entry in entries for it in groups.get(entry.group, ()) if it.at_ms // MINUTE_MS == entry.minute
        ]  # fmt: skip
        return _page(lines, entries[-1] if entries else None)

    async def _sessions(self, _: None) -> Page:
        found = await self._services.registry.sessions_of(self._user_id)
        return _page([
            {"session_id": to_uuid(it.session_id), "since": rfc3339(unix_ms(it.session_id)), "agent": it.agent,
             "app_id": to_uuid(it.app_id) if it.app_id else None, "expires_at": rfc3339(expires_at_ms)}
            for it, expires_at_ms in found
        ])  # fmt: skip

    async def _apps(self, _: None) -> Page:
        found = await self._services.grants.registered_by(self._user_id)
        return _page([{"client_id": it.client_id, "name": it.name, "redirect_uris": it.uris} for it in found])

    async def _media(self, before: int | None) -> Page:
        media = self._services.views.media
        ids = media.of_owner(self._user_id, before, PAGE)
        lines = [
            {"media_id": to_uuid(it.media_id), "at": rfc3339(it.at_ms), "type": it.content_type, "bytes": it.size,
             "alt_text": it.alt_text, "file": it.file}
            for it in media.many(ids).values() if not it.collected_at_ms
        ]  # fmt: skip
        return _page(lines, ids[-1] if ids else None)


def _page(lines: list[dict[str, Any]], onward: Any = None) -> Page:
    return Page([msgspec.json.encode(it) + b"\n" for it in lines], onward)


def _edges(edges: list[Edge]) -> Page:
    lines = [{"user_id": to_uuid(it.user_id), "since": rfc3339(it.at_ms)} for it in edges]
    return _page(lines, edges[-1] if edges else None)
