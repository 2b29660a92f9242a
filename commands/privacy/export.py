"""Makes exports: all that is kept of an account, as JSON lines, its media, and a manifest with digests, in one ZIP.

Guarantee:  memory is bounded by a page of rows and a part, however much there is; killed anywhere, whoever goes on
            reads the parts that stand once, makes none of them again, and ends with an archive that is as whole
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
from prometheus_client import Counter

from commands.privacy import zip_pieces
from commands.privacy.contents import KINDS, Contents
from commands.privacy.packing import CHUNK, Packing, Standing, digest_of
from commands.privacy.shelf import Done, Part, Step, Wanted
from infra.clock import rfc3339
from infra.json_logs import FIELDS
from infra.objects.port import ObjectMissingError
from schemas.ids import to_uuid
from schemas.media.paths import prefix_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.privacy.shelf import Shelf
    from commands.privacy.zip_pieces import Entry
    from commands.services import Services
    from infra.objects.port import ObjectStore

PART_BYTES = 4 << 20  # of what was read; some 7,000 tweets, so that a kill costs less than a second of work
DAY_MS = 86_400_000
STAGES: Final = (*KINDS, "files", "manifest", "directory")
OF_STEPS: Final = {STAGES.index("manifest"), STAGES.index("directory")}  # they tell of what stands: so all has to

EXPORTS = Counter("murmur_exports", "Exports of accounts that were tried.", ["outcome"])

log = logging.getLogger(__name__)


class Superseded(Exception):  # noqa: N818 - no error: somebody else is about it, or nobody wants it any more
    """A job is not to be gone on with by this process."""


class Exports:
    """Makes what is waited for, one after the other."""

    def __init__(self, services: Services, shelf: Shelf, objects: ObjectStore, part_bytes: int = PART_BYTES) -> None:
        self._services = services
        self._shelf = shelf
        self._objects = objects
        self._part_bytes = part_bytes

    async def round(self) -> int:
        """Make all that is waited for and that no other process is about; return how many were made."""
        made = 0
        for user_id in await asyncio.to_thread(self._shelf.waiting, self._services.clock.now_ms()):
            try:
                await self._make(user_id)
            except Superseded:
                continue
            except Exception:
                EXPORTS.labels("failed").inc()
                log.exception("an export failed; it is gone on with")
                continue
            EXPORTS.labels("done").inc()
            made += 1
        return made

    async def _make(self, user_id: int) -> None:
        job = await asyncio.to_thread(self._shelf.wanted, user_id)
        if job is None:
            raise Superseded
        under_way = _Export(self._services, self._shelf, self._objects, user_id, job)
        await under_way.hold()
        kept = await asyncio.to_thread(under_way.resume)
        size = await under_way.go_on(self._part_bytes)
        more = {"user_id": user_id, "bytes": size, "parts_kept": kept}
        log.info("an export is ready", extra={FIELDS: more})


class _Export:
    """One export under way."""

    def __init__(self, services: Services, shelf: Shelf, objects: ObjectStore, user_id: int, job: Wanted) -> None:
        self._services = services
        self._shelf = shelf
        self._objects = objects
        self._user_id = user_id
        self._job = job
        self._contents = Contents(services, user_id)
        self._lease: int | None = None
        self._parts: list[Part] = []
        self._whole = hashlib.sha256()
        self._packing = Packing(Standing())
        self._stage = 0
        self._onward: Any = None

    async def hold(self) -> None:
        """Be about it for another while; raises Superseded where another process is."""
        now_ms = self._services.clock.now_ms()
        if self._lease is None or not self._shelf.holds(self._lease, now_ms):
            self._lease = await asyncio.to_thread(self._shelf.lease, self._user_id, now_ms)
            if self._lease is None:
                raise Superseded

    def resume(self) -> int:
        """Verify what stands, and go on from there; return how many parts are kept. Blocking."""
        standing = Standing()
        while step := self._shelf.step(self._user_id, self._job, len(self._parts) + 1):
            whole = self._shelf.verified(self._user_id, self._job, step.part, self._whole)
            if whole is None:
                log.warning("a part of an export is not what it was; it is made again from there")
                self._shelf.drop_steps(self._user_id, self._job, len(self._parts) + 1)
                break
            self._parts.append(step.part)
            self._whole, standing = whole, step.standing
            self._stage, self._onward = step.stage, step.onward
        digest = digest_of(self._since(standing.entry.begins, standing.at)) if standing.entry else None
        self._packing = Packing(standing, digest)
        return len(self._parts)

    def _since(self, start: int, stop: int) -> Iterator[bytes]:
        with self._shelf.read(self._user_id, self._job, self._parts, start, stop - start) as source:
            while chunk := source.read(CHUNK):
                yield chunk

    async def go_on(self, part_bytes: int) -> int:
        """Make what is missing, and give it out; return the size of the whole."""
        while self._stage < len(STAGES):
            self._onward = await self._some(STAGES[self._stage])
            if self._onward is None:
                self._stage += 1
            if self._packing.taken >= part_bytes or (self._onward is None and self._stage in OF_STEPS):
                await self._cut()
            await asyncio.sleep(0)  # others have their turn
        await self._cut()
        size, now_ms = sum(it.bytes for it in self._parts), self._services.clock.now_ms()
        expires_ms = now_ms + self._services.settings.export_days * DAY_MS
        done = Done(now_ms, expires_ms, size, self._whole.hexdigest(), self._parts)
        await asyncio.to_thread(self._shelf.finish, self._user_id, self._job, done)
        return size

    async def _cut(self) -> None:
        """Keep what came since the last part."""
        await self.hold()
        content, closed, standing = self._packing.cut()
        if content:
            await asyncio.to_thread(self._keep, content, closed, standing)

    def _keep(self, content: bytes, closed: list[Entry], standing: Standing) -> None:
        number = len(self._parts) + 1
        part = self._shelf.put_part(self._user_id, self._job, number, content)
        step = Step(part, standing, self._stage, self._onward, closed)
        if not self._shelf.put_step(self._user_id, self._job, number, step):
            raise Superseded
        self._parts.append(part)
        self._whole.update(content)

    async def _some(self, stage: str) -> Any:
        """Take some of a stage in; return from where to go on with it, None: from nowhere."""
        match stage:
            case "files":
                return await self._file(*(self._onward or (None, "")))
            case "manifest":
                return await asyncio.to_thread(self._manifest, self._onward or 0)
            case "directory":
                return await asyncio.to_thread(self._directory, *(self._onward or (self._packing.at, 0)))
        if self._packing.entry is None:
            self._packing.begin(f"{stage}.jsonl", records=0)
        lines, onward = await self._contents.page(stage, self._onward)
        self._packing.add(b"".join(lines), len(lines))
        if onward is None:
            self._packing.end()
        return onward

    async def _file(self, before: int | None, after: str) -> Any:
        """Take a piece of a file of the media in: of the first one behind `after` of the newest below `before`."""
        if self._packing.entry is not None:
            return await asyncio.to_thread(self._piece, before, self._packing.entry.name)
        ids = self._services.views.media.of_owner(self._user_id, before, 1)
        return await asyncio.to_thread(self._next_file, before, after, ids[0]) if ids else None

    def _next_file(self, before: int | None, after: str, media_id: int) -> Any:
        key = next((it.key for it in self._objects.list(prefix_of(media_id)) if it.key > after), None)
        return (media_id, "") if key is None else self._piece(before, key)

    def _piece(self, before: int | None, key: str) -> Any:
        entry, chunk = self._packing.entry, b""
        try:
            with self._objects.open(key, entry.bytes if entry else 0, CHUNK) as source:
                chunk = source.read(CHUNK)
        except ObjectMissingError:  # collected meanwhile
            if entry is None:
                return before, key
            entry.cut_off = True
        if entry is None:
            self._packing.begin(key, level=0)
        self._packing.add(chunk)
        if len(chunk) < CHUNK:
            self._packing.end()
            return before, key
        return before, ""

    def _manifest(self, told: int) -> int | None:
        """Tell of the files that ended in the next step."""
        if self._packing.entry is None:
            about = {"format": 1, "user_id": to_uuid(self._user_id), "made_at": rfc3339(self._services.clock.now_ms())}
            self._packing.begin("manifest.json", records=0)
            self._packing.add(msgspec.json.encode(about)[:-1] + b',"files":[')
        if told == len(self._parts):
            self._packing.add(b"]}")
            self._packing.end()
            return None
        closed = self._closed_in(told + 1)
        # the account's own file ends in the first step, so what follows has something before it
        rows = b",".join(msgspec.json.encode(_row(it)) for it in closed)
        self._packing.add(b"," + rows if told and rows else rows, len(closed))
        return told + 1

    def _directory(self, start: int, told: int) -> tuple[int, int] | None:
        if told == len(self._parts):
            self._packing.put(zip_pieces.end(self._packing.entries, start, self._packing.at))
            return None
        self._packing.put(b"".join(zip_pieces.listed(it) for it in self._closed_in(told + 1)))
        return start, told + 1

    def _closed_in(self, number: int) -> list[Entry]:
        step = self._shelf.step(self._user_id, self._job, number)
        if step is None:
            raise ObjectMissingError(f"step {number} of an export")
        return step.closed


def _row(entry: Entry) -> dict[str, Any]:
    told = {"name": entry.name, "bytes": entry.bytes, "sha256": entry.sha256}
    more = {"records": entry.records, "cut_off": entry.cut_off or None}
    return told | {name: it for name, it in more.items() if it is not None}
