"""Objects as files of a folder: `bytes/<key>`, beside it `types/<key>` with its media type; `incoming/` is under way.

Guarantee: a file is written beside, synced, and only then given its name, which is synced too: killed at any moment,
an object is whole or not there. The type goes first; it differs from the bytes' only where a key changes its type.
What is left in `incoming` by those that were killed is removed by the first put of a later process, a day after.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from infra.objects.port import (
    CHUNK_BYTES,
    OCTETS,
    Exactly,
    Listed,
    ObjectMissingError,
    ObjectStat,
    ObjectsUnavailableError,
    checked_key,
    checked_prefix,
    checked_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from infra.objects.port import PresignedPut

LEFT_OVER_SECONDS = 86_400
ATTEMPTS = 5  # a delete may take an empty folder away between its making and the rename into it
PRIVATE_FOLDER = 0o700


class DirectoryObjects:
    """An ObjectStore of files, for one machine; any number of processes may use the folder."""

    def __init__(self, folder: Path) -> None:
        """Keep objects in the folder, which is made with the first one."""
        self._bytes, self._types, self._incoming = (folder / name for name in ("bytes", "types", "incoming"))
        self._swept = False

    def put(self, key: str, source: BinaryIO, length: int, content_type: str = OCTETS) -> None:
        """See the port."""
        target = self._bytes / checked_key(key)
        wanted = Exactly(source, length)
        with _trouble():
            self._make_incoming()
        self._write_type(key, content_type)
        self._write(target, wanted)

    def _write_type(self, key: str, content_type: str) -> None:
        kind = checked_type(content_type).encode()
        if content_type != OCTETS or (self._types / key).exists():
            self._write(self._types / key, Exactly(io.BytesIO(kind), len(kind)))

    def put_new(self, key: str, content: bytes, content_type: str = OCTETS) -> bool:
        """See the port."""
        target = self._bytes / checked_key(key)
        if target.exists():
            return False
        with _trouble():
            self._make_incoming()
        self._write_type(key, content_type)
        return self._write(target, Exactly(io.BytesIO(content), len(content)), _give_new_name)

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """See the port."""
        path = self._bytes / checked_key(key)
        with _trouble():
            try:
                file = path.open("rb", buffering=0)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectMissingError(key) from None
            file.seek(start)
        return cast("BinaryIO", io.BufferedReader(_Part(file, length), CHUNK_BYTES))

    def stat(self, key: str) -> ObjectStat | None:
        """See the port."""
        path = self._bytes / checked_key(key)
        with _trouble():
            try:
                if path.is_dir():
                    return None
                told = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return ObjectStat(key, told.st_size, self._type_of(key), told.st_mtime_ns // 1_000_000)

    def _type_of(self, key: str) -> str:
        try:
            return (self._types / key).read_text()
        except FileNotFoundError:
            return OCTETS

    def delete(self, key: str) -> None:
        """See the port."""
        checked_key(key)
        for root in (self._bytes, self._types):
            with _trouble(), suppress(FileNotFoundError, NotADirectoryError):
                (root / key).unlink()
                _remove_empty(root, (root / key).parent)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See the port."""
        folder = checked_prefix(prefix).rpartition("/")[0]
        with _trouble():
            for key, told in _walk(self._bytes / folder, f"{folder}/" if folder else ""):
                if key.startswith(prefix):
                    yield Listed(key, told.st_size, told.st_mtime_ns // 1_000_000)

    def presigned_put(self, key: str, length: int, content_type: str, seconds: int) -> PresignedPut | None:  # noqa: ARG002 - the port's
        """Return None: a folder has no address."""
        checked_key(key)
        return None

    def presigned_get(self, key: str, seconds: int) -> str | None:  # noqa: ARG002 - the port's
        """Return None: a folder has no address."""
        checked_key(key)
        return None

    def _make_incoming(self) -> None:
        _make_folders(self._incoming)
        if self._swept:
            return
        self._swept = True
        for left in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - LEFT_OVER_SECONDS:
                    left.unlink()

    def _write(self, target: Path, source: Exactly, name: Callable[[Path, Path], bool] | None = None) -> bool:
        under_way = self._incoming / secrets.token_hex(16)
        descriptor = _new_file(under_way)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                while chunk := source.read(CHUNK_BYTES):
                    _write_all(file, chunk)
                with _trouble():
                    os.fsync(file.fileno())
            with _trouble():
                return (name or _give_name)(under_way, target)
        finally:
            under_way.unlink(missing_ok=True)


class _Part(io.RawIOBase):
    """A file from where it stands, up to so many bytes."""

    def __init__(self, file: io.FileIO, length: int | None) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        wanted = memoryview(buffer)[: self._left]
        with _trouble():
            read = self._file.readinto(wanted) or 0
        if self._left is not None:
            self._left -= read
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _trouble() -> Iterator[None]:
    """Say what the disk says in the port's words."""
    try:
        yield
    except OSError as error:
        raise ObjectsUnavailableError(f"{error.filename or 'objects'}: {error.strerror or error}") from error


def _new_file(path: Path) -> int:
    with _trouble():
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    view = memoryview(chunk)
    with _trouble():
        while view:
            view = view[file.write(view) :]


def _give_name(under_way: Path, target: Path) -> bool:
    _in_a_folder(target, under_way.replace)
    return True


def _give_new_name(under_way: Path, target: Path) -> bool:
    try:
        _in_a_folder(target, partial(os.link, under_way))
    except FileExistsError:
        return False
    return True


def _in_a_folder(target: Path, give: Callable[[Path], object]) -> None:
    """Give a file its name in a folder that is made where it is missing, and sync that."""
    for attempt in range(ATTEMPTS):
        _make_folders(target.parent)
        try:
            give(target)
            _sync(target.parent)
        except FileNotFoundError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)
    with suppress(FileNotFoundError):  # taken away again: the rename finds out, and makes it anew
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_empty(root: Path, folder: Path) -> None:
    with suppress(OSError):  # it is in use: so are those above
        while folder != root:
            folder.rmdir()
            folder = folder.parent


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield keys and files in the order of keys: a folder stands where its name with a slash does."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((f"{it.name}/" if it.is_dir(follow_symlinks=False) else it.name, it) for it in found)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in entries:
        if name.endswith("/"):
            yield from _walk(folder / name, prefix + name)
            continue
        with suppress(FileNotFoundError):
            yield prefix + name, entry.stat(follow_symlinks=False)
