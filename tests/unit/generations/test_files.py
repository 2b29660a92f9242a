"""The file of generations, crashed and damaged; what every keeper promises is in tests/contract/test_generations.py."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from infra.clock import SystemClock
from infra.generations.changes import AUDIT_KEPT, Generations
from infra.generations.files import FILE, LOCK_FILE, FileGenerations
from infra.generations.record import Change, State, unrecorded
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from projections.tweets.sqlite import SqliteTweetsStore

if TYPE_CHECKING:
    from pathlib import Path


def generations(folder: Path) -> Generations:
    return Generations(FileGenerations(folder), SystemClock(), "ada@machine")


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_change_that_is_killed_leaves_the_record_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    generations(tmp_path).begin("tweets", 1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os if call == "fsync" else type(tmp_path), call, killed)
        with pytest.raises(KeyboardInterrupt):
            generations(tmp_path).mark("tweets", 2, State.FOLLOWING)
    assert FileGenerations(tmp_path).of("tweets").known(2).state is State.BUILDING
    assert generations(tmp_path).mark("tweets", 2, State.FOLLOWING).known(2).state is State.FOLLOWING


def test_what_the_first_generation_was_made_by_is_read_from_its_file(tmp_path: Path) -> None:
    with closing(SqliteTweetsStore(generation_path(tmp_path, "tweets"), "a-log")):
        number = generations(tmp_path).begin("tweets", 7)
    record = FileGenerations(tmp_path).of("tweets")
    assert [it.schema_version for it in record.generations] == [SqliteTweetsStore.SCHEMA_VERSION, 7]
    assert [it.number for it in record.followed(7)] == []
    assert record.known(number).schema_version == 7


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    generations(tmp_path).begin("tweets", 1)
    (tmp_path / "tweets" / FILE).write_text('{"projection": "tw')
    with pytest.raises(TroubleError, match=r"cannot be read .* bring it back from a backup"):
        FileGenerations(tmp_path).of("tweets")


def test_a_lock_that_is_not_given_back_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.generations.files.LOCK_SECONDS", 0.05)

    def stuck(record: object) -> object:
        generations(tmp_path).begin("tweets", 1)
        return record

    with pytest.raises(TroubleError, match=f"{LOCK_FILE} is held by another process"):
        FileGenerations(tmp_path).change("tweets", stuck)  # type: ignore[arg-type]


def test_the_audit_keeps_the_last_changes_only(tmp_path: Path) -> None:
    full = tuple(Change(at, "ada", "begin", at) for at in range(AUDIT_KEPT))
    record = msgspec.structs.replace(unrecorded("tweets"), audit=full)
    FileGenerations(tmp_path).change("tweets", lambda _: record)
    audit = generations(tmp_path).mark("tweets", 1, State.FOLLOWING).audit
    assert (len(audit), audit[0], audit[-1].what) == (AUDIT_KEPT, full[1], "following")
