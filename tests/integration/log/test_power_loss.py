"""Power cuts, simulated: any unsynced write may be there, be missing, or be torn; what was acknowledged must be there.

A recording VFS writes down every write, truncation and sync of each file. A crash image takes a moment of that
history and keeps, of each file, all that was synced before it, and of the rest what chance decides, 512-byte sector
by sector. Sectors are whole and syncs are true: that is what is asked of the disk. A deletion is certain once the
folder is synced, which SQLite does with the first sync of each write-ahead log that it creates.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from tests.integration.log import workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.log.port import Position

SECTOR_BYTES = 512
IMAGES_IN_CI = 1_000
IMAGES_A_HISTORY = 250
APPENDS = 24
REOPENED_FOR_APPENDING = 10  # every tenth image: an append syncs, reading does not

_names = itertools.count()


class Operation(NamedTuple):
    """What was done to a file: a write of data at an offset, a truncation to a size (data None), or a sync."""

    kind: str
    file: str
    offset: int = 0
    data: bytes = b""


class RecordingVFS(apsw.VFS):
    """The system's files, with every change written down."""

    def __init__(self, name: str, history: list[Operation]) -> None:
        super().__init__(name, "")
        self.history = history

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return RecordingFile(self.history, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.history.append(Operation("delete", _suffix(filename)))
        super().xDelete(filename, syncdir)


class RecordingFile(apsw.VFSFile):
    def __init__(self, history: list[Operation], name: Any, flags: list[int]) -> None:
        self._file = _suffix(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        self._history = history
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._history.append(Operation("write", self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._history.append(Operation("truncate", self._file, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._history.append(Operation("sync", self._file))


def _suffix(filename: str) -> str:
    return next((suffix for suffix in ("-wal", "-journal") if filename.endswith(suffix)), "")


class Acknowledgement(NamedTuple):
    """An append that had returned when the history was `at` operations long."""

    at: int
    positions: dict[Position, int]


def _record(path: Path) -> tuple[list[Operation], list[Acknowledgement]]:
    history: list[Operation] = []
    name = f"recording-{next(_names)}"
    vfs = RecordingVFS(name, history)
    acknowledgements = []
    try:
        log = workload.open_log(path, name)
        for index in range(APPENDS):
            numbers = workload.group(index)
            positions = log.append_blocking([workload.record(number) for number in numbers])
            acknowledgements.append(Acknowledgement(len(history), dict(zip(positions, numbers, strict=True))))
        log.close()
    finally:
        vfs.unregister()
    return history, acknowledgements


def _image(history: Sequence[Operation], chance: random.Random) -> dict[str, bytes]:
    """Return the files as a power cut after these operations may leave them."""
    synced = {operation.file: at for at, operation in enumerate(history) if operation.kind == "sync"}
    kept = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    files: dict[str, bytearray] = {}
    for at, operation in enumerate(history):
        certain = at < synced.get(operation.file, -1)
        if operation.kind == "delete":
            if at < synced.get("-wal", -1) or chance.random() < kept:
                files.pop(operation.file, None)
        elif operation.kind == "truncate":
            if certain or chance.random() < kept:
                del files.setdefault(operation.file, bytearray())[operation.offset :]
        elif operation.kind == "write":
            _write(files.setdefault(operation.file, bytearray()), operation, 1.0 if certain else kept, chance)
    return {name: bytes(content) for name, content in files.items()}


def _write(file: bytearray, operation: Operation, kept: float, chance: random.Random) -> None:
    begin, end = operation.offset, operation.offset + len(operation.data)
    while begin < end:
        stop = min(end, (begin // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if kept == 1.0 or chance.random() < kept:
            file.extend(bytes(max(0, stop - len(file))))
            file[begin:stop] = operation.data[begin - operation.offset : stop - operation.offset]
        begin = stop


def _check(
    path: Path, history: Sequence[Operation], acknowledged: dict[Position, int], *, append: bool, chance: random.Random
) -> None:
    for suffix, content in _image(history, chance).items():
        path.with_name(path.name + suffix).write_bytes(content)
    try:
        if append or not acknowledged:
            log = workload.open_log(path)  # a file that was being created is completed by the next start
            numbers = workload.group(APPENDS)
            positions = log.append_blocking([workload.record(number) for number in numbers])
            log.close()
            acknowledged = acknowledged | dict(zip(positions, numbers, strict=True))
        workload.assert_whole(path, acknowledged)
    finally:
        for suffix in ("", "-wal", "-journal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def test_no_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    chance, images = random.Random(workload.seed()), workload.soak_cycles(IMAGES_IN_CI)
    for number in range(images):
        if number % IMAGES_A_HISTORY == 0:
            history, acknowledgements = _record(tmp_path / f"original-{number}.db")
        cut = chance.randint(0, len(history))
        acknowledged = {at: n for ack in acknowledgements if ack.at <= cut for at, n in ack.positions.items()}
        append = number % REOPENED_FOR_APPENDING == 0
        try:
            _check(tmp_path / "image.db", history[:cut], acknowledged, append=append, chance=chance)
        except Exception as error:
            raise AssertionError(f"image {number}, cut after {cut} of {len(history)} operations") from error
    print(f"power cuts: {images} images, seed {workload.seed()}, nothing acknowledged lost")  # noqa: T201


def test_the_simulation_itself_finds_what_is_not_synced(tmp_path: Path) -> None:
    """The same with every sync struck out of the history: acknowledged records must then be lost now and then."""
    history, acknowledgements = _record(tmp_path / "original.db")
    history = [operation for operation in history if operation.kind != "sync"]
    acknowledged = acknowledgements[-1].positions
    chance, lost = random.Random(workload.seed()), 0
    for _ in range(20):
        try:
            _check(tmp_path / "image.db", history, acknowledged, append=False, chance=chance)
        except Exception:  # noqa: BLE001 - a missing file, a damaged one, missing records: all are losses
            lost += 1
    assert lost
