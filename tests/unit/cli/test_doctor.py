"""Every fault that can be seeded is found by the doctor, with its remedy; a sound system has none."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import apsw
import pytest

from infra import data_lock, doctor
from infra.data_lock import DataLock
from infra.doctor import Limits, examine
from infra.log import embedded
from infra.log.port import Record
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from infra.up import prepare
from schemas.accounts.events import AccountRegistered
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.operations.events import DeadLettered
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from infra.check import Check
    from schemas.envelope import Event

ROOMY = Limits(free_bytes=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data_dir=tmp_path / "data", commands_port=free_port(), query_port=free_port())
    prepare(found)
    append(found, "facts", AccountRegistered(Envelope(1, 1, 1), 1, "ada", "Ada"))
    return found


def append(settings: Settings, part: embedded.Part, event: Event) -> None:
    with closing(embedded.open_appender(settings.log_dir, part, {})) as log:
        log.append_blocking([Record(*topic_and_key(event), encode(event))])


def change(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement).fetchall()
    connection.close()


def faults(settings: Settings, limits: Limits = ROOMY) -> list[Check]:
    return [check for check in examine(settings, quick=False, limits=limits) if not check.ok]


def only_fault(settings: Settings, limits: Limits = ROOMY) -> Check:
    (fault,) = faults(settings, limits)
    return fault


def test_a_sound_system_has_no_fault(settings: Settings) -> None:
    assert faults(settings) == []


def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert faults(Settings(data_dir=tmp_path / "new", commands_port=free_port(), query_port=free_port())) == []


def test_an_old_python_is_found(settings: Settings) -> None:
    fault = only_fault(settings, ROOMY._replace(python=(4, 0)))
    assert (fault.name, fault.remedy) == ("python", "Python 4.0 or newer is needed: make setup PYTHON=python4.0")


def test_an_old_sqlite_is_found(settings: Settings) -> None:
    fault = only_fault(settings, ROOMY._replace(sqlite=(99, 0, 0)))
    assert (fault.name, fault.remedy) == ("sqlite", "SQLite 99.0.0 or newer is needed: pip install --upgrade apsw")


def test_a_file_in_place_of_the_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fault = only_fault(Settings(data_dir=tmp_path / "file" / "data", commands_port=free_port(), query_port=free_port()))
    assert (fault.name, fault.remedy) == ("data folder", "name another folder with --data")


def test_a_folder_that_cannot_be_written_to_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root, under whom tests may run, may write everywhere but on a read-only mount.
    monkeypatch.setattr(os, "access", lambda path, _: path != settings.data_dir)
    fault = only_fault(settings)
    assert (fault.name, "chown" in fault.remedy) == ("data folder", True)


def test_a_disk_that_is_nearly_full_is_found(settings: Settings) -> None:
    fault = only_fault(settings, Limits(free_bytes=10**18))
    assert (fault.name, fault.remedy.startswith("free ")) == ("disk", True)


@pytest.mark.parametrize("name", ["commands", "query"])
def test_a_taken_port_is_found(settings: Settings, name: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(settings, f"{name}_port"))):
        fault = only_fault(settings)
    assert (fault.name, fault.remedy) == (f"{name} port", f"stop it, or use --{name}-port")


def test_a_port_of_ours_that_does_not_answer_is_found(settings: Settings) -> None:
    with DataLock(settings.data_dir, "murmur up", commands_port=settings.commands_port):
        fault = only_fault(settings)
    assert (fault.name, fault.remedy) == ("commands port", "not ready: read logs/commands.log")


@pytest.mark.parametrize("secret", ["credentials.db", "demo.json", "keys/0001.pem"])
def test_a_secret_that_others_may_read_is_found(settings: Settings, secret: str) -> None:
    path = settings.data_dir / secret
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    assert faults(settings) == []
    path.chmod(0o644)
    fault = only_fault(settings)
    assert (fault.name, fault.remedy) == ("secrets", f"chmod 600 {path}")


def test_a_lock_that_a_killed_owner_left_is_found(settings: Settings) -> None:
    (settings.data_dir / data_lock.LOCK_FILE).write_text('{"owner": "murmur up", "pid": 4711}')
    fault = only_fault(settings)
    assert (fault.name, "pid 4711" in fault.found, "nothing is lost" in fault.remedy) == ("lock", True, True)


def test_a_clock_that_went_back_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = time.time_ns() - 3_600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: earlier)
    fault = only_fault(settings)
    assert (fault.name, "set the clock" in fault.remedy) == ("clock", True)


def test_a_projection_of_another_log_is_found(settings: Settings) -> None:
    path = generation_path(settings.projections_dir, "graph")
    path.parent.mkdir(parents=True)
    change(path, "CREATE TABLE store (log_id TEXT, schema_version INTEGER)")
    change(path, "INSERT INTO store VALUES ('another', 1)")
    fault = only_fault(settings)
    assert (fault.name, f"rm {path}" in fault.remedy) == ("projections", True)


def test_a_projection_that_is_no_database_is_found(settings: Settings) -> None:
    path = generation_path(settings.projections_dir, "graph")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 100)
    assert only_fault(settings).name == "projections"


def test_dead_letters_are_found(settings: Settings) -> None:
    append(settings, "derived", DeadLettered(Envelope(2, 2, 0), "graph", "follows", 1, 7, "no such thing", b"?"))
    fault = only_fault(settings)
    assert (fault.name, fault.remedy) == ("dead letters", "see `murmur dlq list`")


def test_a_damaged_record_is_found(settings: Settings) -> None:
    path = embedded.path_of(settings.log_dir, "facts")
    change(path, "UPDATE batches SET frames = zeroblob(length(frames))")
    fault = faults(settings)[0]
    assert (fault.name, "accounts/" in fault.found, "offset 0" in fault.found) == ("log", True, True)


def test_the_quick_look_does_not_read_the_log(settings: Settings) -> None:
    change(embedded.path_of(settings.log_dir, "facts"), "UPDATE batches SET frames = zeroblob(length(frames))")
    assert all(check.ok for check in examine(settings, quick=True, limits=ROOMY))


def test_the_lines_for_people_name_fault_and_remedy(settings: Settings) -> None:
    checks = list(examine(settings, quick=True, limits=Limits(free_bytes=10**18)))
    assert [line for line in doctor.lines(checks) if line.startswith("FAULT  disk")]
