"""What operators do about generations, on files: moves that are safe, and deletions that go on after any crash."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.record import State, Verification
from infra.log import embedded
from infra.log.port import Record, Span, TopicPartition
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from schemas.codec import decode, encode, topic_and_key
from streams.generations import command, gc, moves
from streams.generations.gc import collect, unneeded
from streams.generations.moves import promote, rollback
from streams.generations.stock import FileStock
from streams.projections import PROJECTIONS
from streams.writer_lock import FileLock, WriterLock
from tests.builders import posted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

TWEETS = next(it for it in PROJECTIONS if it.name == "tweets")
VERSION = TWEETS.schema_version
RIGHT = Verification(verified=True, at_ms=5, digest="d", report="3 rows; 2 entities as the log says")


class Folder:
    """A data folder with some tweets and generations."""

    def __init__(self, path: Path) -> None:
        self.settings = Settings(data_dir=path, partitions=1)
        partitions = {topic: 1 for topics in embedded.PARTS.values() for topic in topics}
        embedded.ensure(self.settings.log_dir, partitions)
        with closing(embedded.open_appender(self.settings.log_dir, "facts", partitions)) as log:
            log.append_blocking(
                [Record(*topic_and_key(event), encode(event)) for event in (posted(1, 10), posted(1, 11))]
            )
        self.stock = FileStock(self.settings)
        self.generations = Generations(self.stock.kept, SystemClock(), "ada@machine")
        self.fill(1)

    def path(self, number: int) -> Path:
        return generation_path(self.settings.projections_dir, "tweets", number)

    def fill(self, number: int) -> None:
        """Apply all of the log to a generation."""
        with (
            closing(embedded.EmbeddedLogReader(self.settings.log_dir)) as log,
            closing(TWEETS.open_store(self.path(number), log.log_id, self.settings)) as store,
        ):
            while batch := log.read("tweets", 0, store.checkpoints().get(TopicPartition("tweets", 0), 0), 500):
                span = Span("tweets", 0, batch.base_offset, batch.next_offset)
                store.apply(TWEETS.project([decode(value) for value in batch.values]), span)

    def built(self, state: State = State.FOLLOWING) -> int:
        number = self.generations.begin("tweets", VERSION)
        self.fill(number)
        self.generations.mark("tweets", number, state)
        self.generations.verified("tweets", number, RIGHT)
        return number

    def numbers(self) -> list[int]:
        """Return the generations on record; there is a file for each, and for no other."""
        numbers = [it.number for it in self.stock.kept.of("tweets").generations]
        assert [number for number in range(1, 20) if self.path(number).exists()] == numbers
        assert self.stock.strays(TWEETS) == []
        return numbers

    def collect(self, keep: int = 1) -> list[str]:
        """Delete what is not needed; return why what is left is left."""
        wanted = unneeded(self.stock, TWEETS, keep)
        return [user for _, user in collect(self.stock, self.generations, wanted, lambda _: None) if user]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_readers_are_given_what_is_kept_up_and_get_back_what_they_had(folder: Folder) -> None:
    number = folder.built()
    assert promote(folder.stock, folder.generations, TWEETS, number, force=False).active == number
    assert rollback(folder.stock, folder.generations, TWEETS, force=False).active == 1


def test_what_is_far_behind_or_missing_is_given_only_by_force(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "MOST_BEHIND", 1)
    number = folder.generations.begin("tweets", VERSION)
    folder.generations.mark("tweets", number, State.FOLLOWING)
    folder.generations.verified("tweets", number, RIGHT)
    with pytest.raises(TroubleError, match="there is nothing of generation 2 of tweets"):
        promote(folder.stock, folder.generations, TWEETS, number, force=False)
    with closing(TWEETS.open_store(folder.path(number), "a-log", folder.settings)):
        pass
    with pytest.raises(TroubleError, match="generation 2 of tweets is 2 records behind; wait until"):
        promote(folder.stock, folder.generations, TWEETS, number, force=False)
    assert promote(folder.stock, folder.generations, TWEETS, number, force=True).active == number


def test_what_this_program_cannot_read_is_given_only_by_force(folder: Folder) -> None:
    number = folder.generations.begin("tweets", 7)
    folder.generations.mark("tweets", number, State.FOLLOWING)
    folder.generations.verified("tweets", number, RIGHT)
    with pytest.raises(TroubleError, match=f"is of version 7, this program of version {VERSION}; use the"):
        promote(folder.stock, folder.generations, TWEETS, number, force=False)


def test_what_is_not_needed_is_deleted_and_the_one_before_is_kept(folder: Folder) -> None:
    old, new, failed, frozen = folder.built(), folder.built(), folder.built(State.FAILED), folder.built(State.FROZEN)
    building = folder.generations.begin("tweets", VERSION)
    folder.fill(building)
    folder.generations.promote("tweets", new)
    assert [it.number for it in unneeded(folder.stock, TWEETS, 2)] == [failed]
    assert folder.collect() == []
    assert folder.numbers() == [1, new, frozen, building]
    assert old not in folder.numbers()
    assert folder.collect(keep=0) == []
    assert folder.numbers() == [new, frozen, building]
    assert len(gc.held_back(folder.stock.kept.of("tweets"))) == 2
    assert len(gc.held_back(folder.stock.kept.of("tweets"), frozen=True)) == 1
    assert [it.number for it in unneeded(folder.stock, TWEETS, 1, frozen=True)] == [frozen]


def test_what_somebody_writes_is_left_for_later(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "LET_GO_SECONDS", 0.0)
    number = folder.built()
    with closing(WriterLock(folder.path(number))):
        [user] = folder.collect(keep=0)
    assert "tweets/g2 is written by another process" in user
    with closing(FileLock(folder.path(number).with_name("replay.lock"))):
        [user] = folder.collect(keep=0)
    assert "tweets/replay is written by another process" in user
    assert folder.collect(keep=0) == []
    assert folder.numbers() == [1]


def test_a_file_on_no_record_is_deleted_too(folder: Folder) -> None:
    folder.built()
    folder.fill(9)
    assert [(it.number, it.on_record) for it in unneeded(folder.stock, TWEETS, 1)] == [(9, False)]
    assert folder.collect() == []
    assert folder.numbers() == [1, 2]


class Killer:
    """Kills its process, as kill -9 does, at the n-th line of the code about generations."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, frame: FrameType, event: str, _: Any) -> Killer | None:
        if Path(frame.f_code.co_filename).parent.name != "generations":
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def survives(killer: Killer, work: Callable[[], object]) -> bool:
    """Do the work in a process of its own; tell whether it came to its end."""
    child = os.fork()
    if child == 0:
        sys.settrace(killer)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_killed_at_any_line_a_move_has_happened_or_not_and_a_deletion_is_finished_by_the_next(folder: Folder) -> None:
    at, over = 1, False
    while not over:
        number = folder.built()
        folder.generations.promote("tweets", number)

        def work() -> None:
            folder.generations.rollback("tweets")
            folder.collect(keep=0)

        over = survives(Killer(at), work)
        record = folder.stock.kept.of("tweets")
        assert record.active == 1 if over else record.active in {1, number}
        if record.active == number:
            folder.generations.rollback("tweets")
        assert folder.collect(keep=0) == []
        assert folder.numbers() == [1]
        at += 11
    assert at > 100


def test_a_moment_is_listed_by_its_time_and_deleted_when_asked_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Settings", lambda: folder.settings)
    for at_ms in (1_700_000_000_000, None):
        number = folder.generations.begin("tweets", VERSION, until={"tweets/0": 1}, until_ms=at_ms, note="replay")
        folder.fill(number)
        folder.generations.mark("tweets", number, State.FROZEN)
    assert command.main(["list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " frozen " in line]
    assert lines == [
        ["tweets", "2", "frozen", "as", "of", "2023-11-14T22:13:20.000Z", "replay"],
        ["tweets", "3", "frozen", "at", "positions", "replay"],
    ]
    assert command.main(["gc", "--frozen"]) == 0
    assert folder.numbers() == [1]


def test_the_command_line_tells_of_all_of_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Settings", lambda: folder.settings)
    number = folder.built()
    assert command.main(["promote", "tweets", str(number)]) == 0
    assert command.main(["list"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "tweets: readers follow generation 2; before: 1" in told
    [line] = [line for line in told if line.startswith("tweets") and " active " in line]
    assert line.split() == [
        "tweets",
        "2",
        "active",
        "following",
        "up",
        "to",
        "date",
        "verified:",
        *RIGHT.report.split(),
    ]
    assert command.main(["list", "--json"]) == 0
    records = {it["projection"]: it for it in json.loads(capsys.readouterr().out)}
    assert [it["waiting"] for it in records["tweets"]["generations"]] == [0, 0]
    assert records["tweets"]["audit"][-1]["what"] == "promote"
    assert command.main(["gc", "--keep", "0", "--dry-run"]) == 0
    assert "tweets: generation 1 would be deleted: " in capsys.readouterr().out
    assert command.main(["drop", "tweets", str(folder.built(State.FROZEN))]) == 0
    assert command.main(["rollback", "tweets"]) == 0
    with pytest.raises(TroubleError, match="there is no projection 'nonsense'; there are: accounts, "):
        command.main(["rollback", "nonsense"])
    with pytest.raises(TroubleError, match="kept for a roll-back"):
        command.main(["drop", "tweets", "2"])
