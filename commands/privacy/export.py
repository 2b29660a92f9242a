"""Makes an export: all that is kept of an account, as JSON lines, its media, and a manifest with digests, in one ZIP.

Guarantee:  memory is bounded by a page of PAGE rows and a chunk of a file, however much there is; the archive is made
            in a file of the data folder's `tmp`, and put where it can be fetched when it is whole
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import zipfile
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import Counter

from commands.accounts.handler import user_answer
from commands.privacy.shelf import Done
from infra.clock import rfc3339
from infra.json_logs import FIELDS
from projections.notifications.read_model import Kind
from schemas.ids import to_uuid, unix_ms
from schemas.media.paths import prefix_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from commands.privacy.shelf import Shelf
    from commands.services import Services
    from infra.objects.port import ObjectStore

PAGE = 500
CHUNK = 1 << 20
DAY_MS = 86_400_000

EXPORTS = Counter("murmur_exports", "Exports of accounts that were tried.", ["outcome"])

log = logging.getLogger(__name__)


class Exports:
    """Makes what is waited for, one after the other."""

    def __init__(self, services: Services, shelf: Shelf, objects: ObjectStore, folder: Path) -> None:
        self._services = services
        self._shelf = shelf
        self._objects = objects
        self._folder = folder

    async def round(self) -> int:
        """Make all that is waited for and that no other process is about; return how many were made."""
        now_ms, made = self._services.clock.now_ms(), 0
        for user_id in await asyncio.to_thread(self._shelf.waiting, now_ms):
            if not await asyncio.to_thread(self._shelf.lease, user_id, now_ms):
                continue
            try:
                await self.make(user_id)
            except Exception:
                EXPORTS.labels("failed").inc()
                log.exception("an export failed; it is begun again")
                continue
            EXPORTS.labels("done").inc()
            made += 1
        return made

    async def make(self, user_id: int) -> None:
        """Make one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = draft(self._folder, user_id)
        try:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                await _Writer(self._services, self._objects, archive, user_id).write()
            size, digest = await asyncio.to_thread(_digest, path)
            now_ms = self._services.clock.now_ms()
            done = Done(now_ms, now_ms + self._services.settings.export_days * DAY_MS, size, digest)
            with path.open("rb") as content:
                await asyncio.to_thread(self._shelf.put, user_id, content, done)
        finally:
            path.unlink(missing_ok=True)
        log.info("an export is ready", extra={FIELDS: {"user_id": user_id, "bytes": size}})


def draft(folder: Path, user_id: int) -> Path:
    """Return the file in which an export is made; what a killed process left there is written over."""
    return folder / f"export-{to_uuid(user_id)}.zip"


class _Writer:
    """One export under way."""

    def __init__(self, services: Services, objects: ObjectStore, archive: zipfile.ZipFile, user_id: int) -> None:
        self._services = services
        self._objects = objects
        self._archive = archive
        self._user_id = user_id
        self._files: list[dict[str, Any]] = []

    async def write(self) -> None:
        for name, pages in (
            ("account", self._account()),
            ("tweets", self._tweets()),
            ("following", self._edges("following")),
            ("followers", self._edges("followers")),
            ("blocks_and_mutes", self._aversions()),
            ("likes", self._likes()),
            ("bookmarks", self._bookmarks()),
            ("notifications", self._notifications()),
            ("sessions", self._sessions()),
            ("apps", self._apps()),
            ("media", self._media()),
        ):
            await self._lines(f"{name}.jsonl", pages)
        for media_id in [it async for page in self._media_ids() for it in page]:
            await asyncio.to_thread(self._copy, media_id)
        manifest = {
            "format": 1,
            "user_id": to_uuid(self._user_id),
            "made_at": rfc3339(self._services.clock.now_ms()),
            "files": self._files,
        }
        self._archive.writestr("manifest.json", msgspec.json.encode(manifest))

    async def _lines(self, name: str, pages: AsyncIterator[list[Any]]) -> None:
        digest, size, records = hashlib.sha256(), 0, 0
        with self._archive.open(name, "w", force_zip64=True) as file:
            async for page in pages:
                raw = b"".join(it if isinstance(it, bytes) else msgspec.json.encode(it) + b"\n" for it in page)
                file.write(raw)
                digest.update(raw)
                size, records = size + len(raw), records + len(page)
                await asyncio.sleep(0)  # others have their turn
        self._files.append({"name": name, "bytes": size, "sha256": digest.hexdigest(), "records": records})

    def _copy(self, media_id: int) -> None:
        for it in list(self._objects.list(prefix_of(media_id))):
            name, digest, size = it.key, hashlib.sha256(), 0
            entry = zipfile.ZipInfo(name)
            with self._objects.open(it.key) as source, self._archive.open(entry, "w", force_zip64=True) as file:
                while chunk := source.read(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
            self._files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

    async def _account(self) -> AsyncIterator[list[Any]]:
        account = self._services.views.accounts.many([self._user_id])[self._user_id]
        told = msgspec.to_builtins(user_answer(account))
        yield [{**told, "email": await self._services.registry.address(self._user_id)}]

    async def _tweets(self) -> AsyncIterator[list[Any]]:
        tweets, max_id = self._services.views.tweets, None
        while ids := tweets.by_author(self._user_id, max_id, PAGE):
            max_id = ids[-1]
            found = tweets.many(ids)
            yield [b"{%b}\n" % found[it].body for it in ids if it in found]

    async def _edges(self, which: str) -> AsyncIterator[list[Any]]:
        read, before = getattr(self._services.views.graph, which), None
        while edges := read(self._user_id, before, PAGE):
            before = edges[-1]
            yield [{"user_id": to_uuid(it.user_id), "since": rfc3339(it.at_ms)} for it in edges]

    async def _aversions(self) -> AsyncIterator[list[Any]]:
        found = self._services.views.graph.aversions(self._user_id)
        yield [{"blocks": to_uuid(it)} for it in sorted(found.blocking)]
        yield [{"mutes": to_uuid(it)} for it in sorted(found.muting)]

    async def _likes(self) -> AsyncIterator[list[Any]]:
        after = 0
        while likes := self._services.views.engagement.likes(self._user_id, after, PAGE):
            after = likes[-1].tweet_id
            yield [{"tweet_id": to_uuid(it.tweet_id), "at": rfc3339(it.at_ms)} for it in likes]

    async def _bookmarks(self) -> AsyncIterator[list[Any]]:
        before = None
        while marks := self._services.views.engagement.bookmarks(self._user_id, before, PAGE):
            before = marks[-1]
            yield [{"tweet_id": to_uuid(it.id), "at": rfc3339(it.at_ms)} for it in marks]

    async def _notifications(self) -> AsyncIterator[list[Any]]:
        reader, before = self._services.views.notifications, None
        while entries := reader.entries(self._user_id, before, PAGE):
            before = entries[-1]
            groups = reader.groups(self._user_id, {it.group for it in entries}, PAGE)
            yield [
                {"kind": Kind(group.kind).word, "tweet_id": to_uuid(group.tweet_id) if group.tweet_id else None,
                 "user_id": to_uuid(it.actor_id), "at": rfc3339(it.at_ms)}
                for group, dids in groups.items() for it in dids
            ]  # fmt: skip

    async def _sessions(self) -> AsyncIterator[list[Any]]:
        found = await self._services.registry.sessions_of(self._user_id)
        yield [
            {"session_id": to_uuid(it.session_id), "since": rfc3339(unix_ms(it.session_id)), "agent": it.agent,
             "app_id": to_uuid(it.app_id) if it.app_id else None, "expires_at": rfc3339(expires_at_ms)}
            for it, expires_at_ms in found
        ]  # fmt: skip

    async def _apps(self) -> AsyncIterator[list[Any]]:
        found = await self._services.grants.registered_by(self._user_id)
        yield [{"client_id": it.client_id, "name": it.name, "redirect_uris": it.uris} for it in found]

    async def _media_ids(self) -> AsyncIterator[list[int]]:
        before = None
        while ids := self._services.views.media.of_owner(self._user_id, before, PAGE):
            before = ids[-1]
            yield ids

    async def _media(self) -> AsyncIterator[list[Any]]:
        async for ids in self._media_ids():
            found = self._services.views.media.many(ids).values()
            yield [
                {"media_id": to_uuid(it.media_id), "at": rfc3339(it.at_ms), "type": it.content_type, "bytes": it.size,
                 "alt_text": it.alt_text, "file": it.file}
                for it in found if not it.collected_at_ms
            ]  # fmt: skip


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
