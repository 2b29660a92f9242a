"""What `murmur log` and `murmur dlq` show: records, faults, dead letters."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import apsw
import orjson

from infra.archive.opening import archived
from infra.clock import rfc3339
from infra.log import dump as dumping
from infra.log import embedded
from infra.log.embedded import EmbeddedLogReader
from infra.log.port import LogError
from infra.log.verify import verify as findings_of
from infra.trouble import TroubleError
from schemas.catalogue import DEAD_LETTERS
from schemas.codec import DecodeError, decode
from schemas.operations.events import DeadLettered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from infra.archive.port import StampedLog
    from infra.settings import Settings

RECORDS_PER_READ = 500
_REMEDY = "name the data folder with --data, or start with `murmur up`"


def open_log(settings: Settings) -> StampedLog:
    """Return the log of either profile; raises TroubleError."""
    if settings.profile == "cluster":
        from infra import cluster  # noqa: PLC0415 - its clients are installed where there are servers

        return cluster.open_log(settings)
    try:
        return EmbeddedLogReader(settings.log_dir)
    except (apsw.Error, LogError) as error:
        what = f"there is no log that can be read in {settings.log_dir} ({error})"
        raise TroubleError(what, _REMEDY) from error


def dump(
    settings: Settings, topics: list[str] | None, partition: int | None, start: int, stop: int | None, key: int | None
) -> Iterator[str]:
    """Yield the records as lines of JSON; all topics where none is named."""
    known = [topic for part in embedded.PARTS.values() for topic in part]
    if unknown := sorted(set(topics or ()) - set(known)):
        raise TroubleError(f"there is no topic {unknown[0]}", f"the topics are {', '.join(known)}")
    with closing(archived(settings, open_log(settings))) as log:
        try:
            wanted = dumping.dump(log, topics or known, partition=partition, start=start, stop=stop, key=key)
            for record in wanted:
                yield orjson.dumps(record).decode()
        except (LogError, KeyError) as error:
            raise TroubleError(f"the log cannot be read on: {error}", "see `murmur log verify`") from error


def verify(settings: Settings, *, quiet: bool) -> list[dict[str, Any]]:
    """Return every fault of the log; shows a bar on standard error."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415

    if settings.profile == "cluster":
        what = "Kafka checks every record itself, when it is written and whenever it is read"
        raise TroubleError(what, "`murmur log dump` reads all of them")
    if missing := [path for part in embedded.PARTS if not (path := embedded.path_of(settings.log_dir, part)).exists()]:
        raise TroubleError(f"there is no {missing[0]}", _REMEDY)
    found: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        for part in embedded.PARTS:
            task = bar.add_task(f"{part}.db", total=None)
            path = embedded.path_of(settings.log_dir, part)

            def tell(done: int, total: int, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=total)

            faults = findings_of(path, tell)
            found += [{"file": str(path), **fault._asdict()} for fault in faults]
    return found


def finding_lines(findings: list[dict[str, Any]]) -> list[str]:
    """Return the faults for people."""
    if not findings:
        return ["every record is intact"]
    return [
        f"{it['file']}: {it['topic']}/{it['partition']} offset {it['offset']}: {it['problem']}"
        if it["topic"]
        else f"{it['file']}: {it['problem']}"
        for it in findings
    ]


def dead_letters(settings: Settings) -> list[dict[str, Any]]:
    """Return the dead letters, those of each partition oldest first; what two workers wrote at once stands once."""
    letters: dict[tuple[Any, ...], dict[str, Any]] = {}
    with closing(open_log(settings)) as log:
        for (_, partition), end in log.end_offsets((DEAD_LETTERS,)).items():
            at = log.first_offset(DEAD_LETTERS, partition)
            while at < end and (batch := log.read(DEAD_LETTERS, partition, at, RECORDS_PER_READ)):
                for letter in map(_letter, batch.values):
                    letters.setdefault(tuple(value for name, value in letter.items() if name != "at"), letter)
                at = batch.next_offset
    return list(letters.values())


def _letter(value: bytes) -> dict[str, Any]:
    event = decode(value)
    assert isinstance(event, DeadLettered)  # noqa: S101 - the topic holds nothing else
    try:
        said = type(decode(event.record)).__name__
    except DecodeError:
        said = "no event"
    return {
        "at": rfc3339(event.envelope.occurred_at_ms),
        "projection": event.projection,
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "event": said,
        "reason": event.reason,
    }


def letter_lines(letters: list[dict[str, Any]]) -> list[str]:
    """Return the dead letters for people."""
    return [
        f"{it['at']}  {it['projection']}: {it['topic']}/{it['partition']} offset {it['offset']} ({it['event']}): "
        f"{it['reason']}"
        for it in letters
    ] or ["none"]
