"""Where exports wait: objects under one prefix an account, which tell all that there is to know of a job.

    exports/<account>/job.json      it is wanted, since when
    exports/<account>/lease-<n>     a process is about it, in the n-th minute
    exports/<account>/export.zip    what was made
    exports/<account>/done.json     it is whole: its size and digest, until when it is kept

Guarantee:  killed anywhere, a job that is not done is begun again within a minute; what is not done is never given out
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from infra.objects.port import ObjectMissingError
from schemas.ids import from_uuid, to_uuid

if TYPE_CHECKING:
    from typing import BinaryIO

    from infra.objects.port import ObjectStore

ROOT: Final = "exports/"
LEASE_MS = 60_000
JSON = "application/json"
ZIP = "application/zip"
_T = TypeVar("_T")


class Done(msgspec.Struct, frozen=True):
    """An export that can be fetched."""

    made_ms: int
    expires_ms: int
    bytes: int
    sha256: str


class Wanted(msgspec.Struct, frozen=True):
    """An export that was asked for."""

    at_ms: int


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
        return self._read(f"{_folder(user_id)}job.json", Wanted) or Wanted(now_ms)

    def done(self, user_id: int) -> Done | None:
        """Return the export that can be fetched, or None."""
        return self._read(f"{_folder(user_id)}done.json", Done)

    def waiting(self, now_ms: int) -> list[int]:
        """Return whose exports are to be made; clears away what is not kept any more."""
        keys = {it.key for it in self._objects.list(ROOT)}
        found = []
        for user_id in {it for key in keys if (it := _owner(key)) is not None}:
            done = self.done(user_id)
            if done is not None and done.expires_ms <= now_ms:
                self.clear(user_id)
            elif done is None and f"{_folder(user_id)}job.json" in keys:
                found.append(user_id)
        return sorted(found)

    def lease(self, user_id: int, now_ms: int) -> bool:
        """Tell whether this process is to be about it for now."""
        return self._objects.put_new(f"{_folder(user_id)}lease-{now_ms // LEASE_MS}", b"")

    def put(self, user_id: int, content: BinaryIO, done: Done) -> None:
        """Keep an export that is whole."""
        self._objects.put(f"{_folder(user_id)}export.zip", content, done.bytes, ZIP)
        raw = msgspec.json.encode(done)
        self._objects.put(f"{_folder(user_id)}done.json", io.BytesIO(raw), len(raw), JSON)

    def open(self, user_id: int, start: int, length: int) -> BinaryIO:
        """Return a reader of a part of an export."""
        return self._objects.open(f"{_folder(user_id)}export.zip", start, length)

    def clear(self, user_id: int) -> None:
        """Delete all that there is of an account's exports; what tells that one is whole goes first."""
        self._objects.delete(f"{_folder(user_id)}done.json")
        for it in list(self._objects.list(_folder(user_id))):
            self._objects.delete(it.key)

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        try:
            with self._objects.open(key) as file:
                return msgspec.json.decode(file.read(), type=kind)
        except ObjectMissingError:
            return None


def _folder(user_id: int) -> str:
    return f"{ROOT}{to_uuid(user_id)}/"


def _owner(key: str) -> int | None:
    return from_uuid(key.removeprefix(ROOT).partition("/")[0])
