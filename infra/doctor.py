"""`murmur doctor`: looks at everything that is known to go wrong, and says how to put it right. Changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import apsw

from infra import data_lock, probe
from infra.archive import told
from infra.check import Check
from infra.generations.files import FileGenerations
from infra.log import embedded
from infra.log.embedded import EmbeddedLogReader
from infra.log.verify import verify
from infra.sqlite.connections import OLDEST_SAFE_SQLITE, open_reader, scalar
from infra.sqlite.projection_store import generation_path
from infra.status import PROJECTION_TOPICS
from infra.trouble import TroubleError
from schemas.catalogue import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from infra.settings import Settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 500_000_000  # a day of 100 tweets a second, with room for SQLite to tidy up
CLOCK_TOLERANCE_MS = 5_000
ARCHIVED_EVERY_MS = 86_400_000  # a day without a run is one too many
MAX_LOG_FINDINGS = 5
OTHERS_MAY = 0o077
_LAST_APPEND = """
SELECT max(appended_at_ms) FROM ends JOIN batches ON batches.id =
    (SELECT id FROM batches WHERE id < (number + 1) << 40 ORDER BY id DESC LIMIT 1)
"""


class Limits(NamedTuple):
    """What counts as a fault."""

    python: tuple[int, ...] = OLDEST_PYTHON
    sqlite: tuple[int, ...] = OLDEST_SAFE_SQLITE
    free_bytes: int = LEAST_FREE_BYTES


LIMITS = Limits()


def examine(settings: Settings, *, quick: bool, limits: Limits = LIMITS) -> Iterator[Check]:
    """Yield the checks one by one; `quick` leaves out reading the whole log."""
    yield python_version(limits)
    yield sqlite_version(limits)
    yield data_folder(settings)
    yield disk(settings, limits)
    yield from ports(settings)
    yield from secrets(settings)
    yield lock(settings)
    yield archive(settings)
    if settings.profile == "cluster":
        from infra import cluster_checks  # noqa: PLC0415 - its clients are installed where there are servers

        yield from cluster_checks.servers(settings)
        return
    yield clock(settings)
    yield from projections(settings)
    yield dead_letters(settings)
    if not quick:
        yield from log(settings)


def python_version(limits: Limits) -> Check:
    """Check that Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, limits.python))
    bad = sys.version_info[:3] < limits.python
    return Check(
        "python", found, f"Python {wanted} or newer is needed: make setup PYTHON=python{wanted}" if bad else ""
    )


def sqlite_version(limits: Limits) -> Check:
    """Check that the SQLite in use is one that does not corrupt files in WAL mode."""
    found = apsw.sqlite_lib_version()
    wanted = ".".join(map(str, limits.sqlite))
    bad = tuple(map(int, found.split("."))) < limits.sqlite
    return Check("sqlite", found, f"SQLite {wanted} or newer is needed: pip install --upgrade apsw" if bad else "")


def data_folder(settings: Settings) -> Check:
    """Check that the data folder, or where it would be made, can be written to."""
    folder = _existing(settings.data_dir)
    if not folder.is_dir():
        return Check("data folder", f"{folder} is a file", "name another folder with --data")
    if not os.access(folder, os.W_OK | os.X_OK) or _read_only_mount(folder):
        return Check("data folder", f"{folder} cannot be written to", f"chown it to you, or use --data: {folder}")
    return Check("data folder", str(settings.data_dir) if folder == settings.data_dir else f"{folder}: none yet")


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _read_only_mount(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def disk(settings: Settings, limits: Limits) -> Check:
    """Check that there is room on the disk."""
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    remedy = f"free {limits.free_bytes - free:,} bytes, or move the data folder" if free < limits.free_bytes else ""
    return Check("disk", f"{free / 1e9:.1f} GB free", remedy)


def ports(settings: Settings) -> Iterator[Check]:
    """Check that both ports are free, or ours."""
    owner = data_lock.owner(settings.data_dir) or {}
    for name in ("commands", "query"):
        ours, port = owner.get(f"{name}_port"), getattr(settings, f"{name}_port")
        if ours is not None:
            ready = probe.is_ready(settings.host, ours)
            yield Check(f"{name} port", f"{ours}: ours", "" if ready else f"not ready: read logs/{name}.log")
        elif probe.port_is_free(settings.host, port):
            yield Check(f"{name} port", f"{port}: free")
        else:
            yield Check(f"{name} port", f"{port}: taken by another program", f"stop it, or use --{name}-port")


def secrets(settings: Settings) -> Iterator[Check]:
    """Check that what is secret can be read by its owner only."""
    paths = [settings.credentials_path, settings.data_dir / "demo.json", *sorted(settings.keys_dir.glob("*"))]
    for path in paths:
        if path.exists() and path.stat().st_mode & OTHERS_MAY:
            mode = f"{path.stat().st_mode & 0o777:o}"
            yield Check("secrets", f"{path} may be read by others (mode {mode})", f"chmod 600 {path}")


def lock(settings: Settings) -> Check:
    """Check that whoever ran last has stopped in order."""
    left = data_lock.stale(settings.data_dir)
    if left is None:
        return Check("lock", "held" if data_lock.owner(settings.data_dir) else "free")
    path = settings.data_dir / data_lock.LOCK_FILE
    found = f"`{left.get('owner')}` (pid {left.get('pid')}) was killed and left {path}"
    return Check("lock", found, f"nothing is lost: start it again, or rm {path}")


def archive(settings: Settings) -> Check:
    """Check that the log is archived, where it is to be cut."""
    found, now_ms = told.read(settings.run_dir), time.time_ns() // 1_000_000
    waits = settings.retention_days > 0 and not settings.retention_unarchived
    remedy = "run `murmur archive run`, once an hour: what is not archived is not cut"
    if found is None:
        return Check("archive", "the log was never archived", remedy if waits else "")
    old = waits and found.at_ms < now_ms - ARCHIVED_EVERY_MS
    return Check("archive", found.line(now_ms), "see `murmur archive verify`" if found.error else remedy * old)


def clock(settings: Settings) -> Check:
    """Check that the machine's clock is not before the last record."""
    last = _ask(settings, "facts", _LAST_APPEND)
    ahead_ms = int(last or 0) - time.time_ns() // 1_000_000
    if ahead_ms > CLOCK_TOLERANCE_MS:
        found = f"the last record was written {ahead_ms / 1000:.0f} s from now"
        return Check("clock", found, "set the clock (timedatectl set-ntp true) before you start: ids follow time")
    return Check("clock", "not before the last record")


def projections(settings: Settings) -> Iterator[Check]:
    """Check that every generation of every projection was built from this log."""
    log_id = _ask(settings, "facts", "SELECT log_id FROM log")
    for name in PROJECTION_TOPICS:
        try:
            record = FileGenerations(settings.projections_dir).of(name)
        except TroubleError as error:
            yield Check("projections", error.what, error.remedy)
            continue
        paths = [generation_path(settings.projections_dir, name, it.number) for it in record.generations]
        yield from _files(filter(Path.exists, paths), log_id)


def _files(paths: Iterable[Path], log_id: int | str | None) -> Iterator[Check]:
    for path in paths:
        try:
            connection = open_reader(path)
            built_from = scalar(connection, "SELECT log_id FROM store")
            connection.close()
        except apsw.Error as error:
            yield Check("projections", f"{path}: {error}", f"stop, rm {path}*, start: it is rebuilt from the log")
        else:
            if built_from != log_id:
                yield Check("projections", f"{path} is of another log", f"stop, rm {path}*, start: it is rebuilt")


def dead_letters(settings: Settings) -> Check:
    """Check that every event could be applied."""
    try:
        reader = EmbeddedLogReader(settings.log_dir)
    except apsw.Error:
        return Check("dead letters", "no log yet")
    count = sum(reader.end_offsets((DEAD_LETTERS,)).values())
    reader.close()
    return Check("dead letters", str(count), "see `murmur dlq list`" if count else "")


def log(settings: Settings, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Iterator[Check]:
    """Check that every byte of the log is as it was written."""
    for part in embedded.PARTS:
        path = embedded.path_of(settings.log_dir, part)
        if not path.exists():
            yield Check("log", f"{path.name}: none yet")
            continue
        findings = list(verify(path, progress))
        for finding in findings[:MAX_LOG_FINDINGS]:
            where = f"{finding.topic}/{finding.partition} offset {finding.offset}: " if finding.topic else ""
            yield Check("log", f"{path.name}: {where}{finding.problem}", f"stop, and bring {path} back from a backup")
        if len(findings) > MAX_LOG_FINDINGS:
            rest = len(findings) - MAX_LOG_FINDINGS
            yield Check("log", f"{path.name}: {rest} more findings", "see `murmur log verify`")
        if not findings:
            yield Check("log", f"{path.name}: every record is intact")


def _ask(settings: Settings, part: embedded.Part, query: str) -> int | str | None:
    try:
        connection = open_reader(embedded.path_of(settings.log_dir, part))
        answer: int | str | None = scalar(connection, query)
        connection.close()
    except apsw.Error:
        return None  # no log yet, or one that the last check tells of
    return answer


def lines(checks: list[Check]) -> list[str]:
    """Return the checks for people."""
    return [
        f"{'ok   ' if check.ok else 'FAULT'}  {check.name:14} {check.found}{'' if check.ok else f' -> {check.remedy}'}"
        for check in checks
    ]
