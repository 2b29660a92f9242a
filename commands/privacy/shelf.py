"""Where exports wait: objects under one prefix an account, which tell all that there is to know of a job.

    exports/<account>/job.json                   it is wanted, since when
    exports/<account>/lease-<n>                  a process is about it, in the n-th quarter of a minute
    exports/<account>/<job>/part-<n>-<any>       a part of the archive
    exports/<account>/<job>/step-<n>.json        that part stands: its size and digest, and from where to go on
    exports/<account>/done.json                  all parts stand: size and digest of the whole, until when it is kept

Guarantee:  a step names a part that is whole, and is there once, so that of two processes about one job one stops; what
            is not done is never given out; of a job that was cleared away nothing stays
"""

from __future__ import annotations

import hashlib
import io
import secrets
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from commands.privacy.joined import joined
from commands.privacy.packing import CHUNK, Standing
from commands.privacy.zip_pieces import Entry
from infra.objects.port import ObjectMissingError
from schemas.ids import from_uuid, to_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from infra.objects.port import ObjectStore

ROOT: Final = "exports/"
LEASE_MS = 15_000  # a part takes less than a second
JSON = "application/json"
ZIP = "application/zip"
_T = TypeVar("_T")


class Part(msgspec.Struct, frozen=True):
    """A part of an archive: the end of its key, its size and digest."""

    name: str
    bytes: int
    sha256: str


class Done(msgspec.Struct, frozen=True):
    """An export that can be fetched."""

    made_ms: int
    expires_ms: int
    bytes: int
    sha256: str
    parts: list[Part]


class Wanted(msgspec.Struct, frozen=True):
    """An export that was asked for."""

    at_ms: int


class Step(msgspec.Struct, frozen=True):
    """One part, how far the archive had come with it, and from where it goes on."""

    part: Part
    standing: Standing
    stage: int
    onward: Any
    closed: list[Entry]


class Shelf:
    """All exports; blocking calls, for a thread."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def ask(self, user_id: int, now_ms: int) -> Wanted | Done:
        """Return what there is, having asked for it where there is nothing, or nothing any more."""
        done = self.done(user_id)
        if done is not None and done.expires_ms > now_ms:
            return done
        if done is not None:
            self.clear(user_id)
        if self._objects.put_new(f"{_folder(user_id)}job.json", msgspec.json.encode(Wanted(now_ms)), JSON):
            return Wanted(now_ms)
        return self.wanted(user_id) or Wanted(now_ms)

    def wanted(self, user_id: int) -> Wanted | None:
        """Return the export that was asked for, or None."""
        return self._read(f"{_folder(user_id)}job.json", Wanted)

    def done(self, user_id: int) -> Done | None:
        """Return the export that can be fetched, or None."""
        return self._read(f"{_folder(user_id)}done.json", Done)

    def waiting(self, now_ms: int) -> list[int]:
        """Return whose exports are to be made; clears away what is not kept any more, and what nobody asked for."""
        found = []
        for user_id, listed in groupby(self._objects.list(ROOT), lambda it: _owner(it.key)):
            if user_id is None:
                continue
            keys, done = [it.key for it in listed], self.done(user_id)
            if done is not None and done.expires_ms <= now_ms:
                self.clear(user_id)
            elif done is None and f"{_folder(user_id)}job.json" in keys:
                found.append(user_id)
            elif done is None:
                self._delete(keys)
        return found

    def lease(self, user_id: int, now_ms: int) -> int | None:
        """Return the lease under which this process is to be about it for now, or None where another one is."""
        number = now_ms // LEASE_MS
        return number if self._objects.put_new(f"{_folder(user_id)}lease-{number}", b"") else None

    def holds(self, lease: int, now_ms: int) -> bool:
        """Tell whether a lease is still good."""
        return lease == now_ms // LEASE_MS

    def step(self, user_id: int, job: Wanted, number: int) -> Step | None:
        """Return a step of a job, counted from 1, or None."""
        return self._read(_step(user_id, job, number), Step)

    def put_part(self, user_id: int, job: Wanted, number: int, content: bytes) -> Part:
        """Keep a part, which is none yet until a step names it."""
        part = Part(f"part-{number:06}-{secrets.token_hex(4)}", len(content), hashlib.sha256(content).hexdigest())
        self._objects.put(f"{_job(user_id, job)}{part.name}", io.BytesIO(content), part.bytes, ZIP)
        return part

    def put_step(self, user_id: int, job: Wanted, number: int, step: Step) -> bool:
        """Keep a step; tell whether it is this one that stands, and the job is still wanted."""
        stands = self._objects.put_new(_step(user_id, job, number), msgspec.json.encode(step), JSON)
        if self.wanted(user_id) == job:
            return stands
        self._delete([it.key for it in self._objects.list(_job(user_id, job))])
        return False

    def drop_steps(self, user_id: int, job: Wanted, since: int) -> None:
        """Forget steps from a number on, the last one first."""
        keys = [it.key for it in self._objects.list(f"{_job(user_id, job)}step-")]
        self._delete([it for it in reversed(keys) if it >= _step(user_id, job, since)])

    def finish(self, user_id: int, job: Wanted, done: Done) -> None:
        """Give out an export that is whole; what was needed to make it goes."""
        raw = msgspec.json.encode(done)
        self._objects.put(f"{_folder(user_id)}done.json", io.BytesIO(raw), len(raw), JSON)
        if self.wanted(user_id) != job:
            self.clear(user_id)
            return
        kept = {f"{_job(user_id, job)}{it.name}" for it in done.parts}
        kept |= {f"{_folder(user_id)}{name}.json" for name in ("job", "done")}
        self._delete([it.key for it in self._objects.list(_folder(user_id)) if it.key not in kept])

    def open(self, user_id: int, start: int, length: int) -> BinaryIO:
        """Return a reader of a part of an export."""
        job, done = self.wanted(user_id), self.done(user_id)
        if job is None or done is None:
            raise ObjectMissingError(_folder(user_id))
        return self.read(user_id, job, done.parts, start, length)

    def read(self, user_id: int, job: Wanted, parts: Sequence[Part], start: int, length: int) -> BinaryIO:
        """Return a reader of some bytes of what parts are together."""
        return joined(self._objects, [(f"{_job(user_id, job)}{it.name}", it.bytes) for it in parts], start, length)

    def verified(self, user_id: int, job: Wanted, part: Part, whole: hashlib._Hash) -> hashlib._Hash | None:
        """Return the digest of the whole with this part behind it, or None where the part is not what it was."""
        mine, whole = hashlib.sha256(), whole.copy()
        try:
            with self._objects.open(f"{_job(user_id, job)}{part.name}") as file:
                while chunk := file.read(CHUNK):
                    mine.update(chunk)
                    whole.update(chunk)
        except ObjectMissingError:
            return None
        return whole if mine.hexdigest() == part.sha256 else None

    def clear(self, user_id: int) -> None:
        """Delete all that there is of an account's exports; what tells that one is wanted, or whole, goes first."""
        folder = _folder(user_id)
        self._delete([f"{folder}job.json", f"{folder}done.json"])
        self._delete([it.key for it in self._objects.list(folder)])

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.delete(key)

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        try:
            with self._objects.open(key) as file:
                return msgspec.json.decode(file.read(), type=kind)
        except (ObjectMissingError, msgspec.DecodeError):  # what cannot be read is made anew
            return None


def _folder(user_id: int) -> str:
    return f"{ROOT}{to_uuid(user_id)}/"


def _job(user_id: int, job: Wanted) -> str:
    return f"{_folder(user_id)}{job.at_ms}/"


def _step(user_id: int, job: Wanted, number: int) -> str:
    return f"{_job(user_id, job)}step-{number:06}.json"


def _owner(key: str) -> int | None:
    return from_uuid(key.removeprefix(ROOT).partition("/")[0])
