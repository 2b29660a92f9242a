"""How far the log is archived is told by `murmur status`, `murmur doctor` and the verbs of the archive themselves."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from infra import cli, doctor
from infra.archive import told
from infra.clock import SystemClock
from infra.objects.directory import DirectoryObjects
from tests.replay_world import ReplayWorld, random_history

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MURMURATION_PARTITIONS", "3")
    monkeypatch.setenv("MURMURATION_ARCHIVE_SEGMENT_RECORDS", "20")
    with closing(ReplayWorld(tmp_path)) as world:
        world.publish(*random_history(600))
    return tmp_path


def murmur(*arguments: str | Path, code: int = 0) -> str:
    outcome = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert outcome.exit_code == code, outcome.output
    return outcome.stdout


def test_the_verbs_seal_tell_and_verify(data: Path) -> None:
    lines = murmur("archive", "run", "--data", data, "--now").splitlines()
    assert lines[0].startswith("sealed accounts/0 segment 0 to ")
    assert "; 0 not yet; 0 minutes ago" in lines[-1]
    again = murmur("archive", "run", "--data", data, "--json")
    assert json.loads(again) == {"segments": 0, "cut": 0}
    partitions = json.loads(murmur("archive", "list", "--data", data, "--json"))
    segments = [segment for it in partitions for segment in it["segments"]]
    assert len(segments) == len(lines) - 1
    assert all(it["archived_to"] == it["log_to"] and it["log_from"] == 0 for it in partitions)
    followed = [it for it in partitions if it["topic"] == "follows"]
    shown = murmur("archive", "list", "follows", "--data", data).splitlines()
    assert len(shown) == sum(len(it["segments"]) for it in followed) > 0
    assert "archived to" in murmur("archive", "list", "--data", data)
    assert murmur("archive", "verify", "--data", data).endswith("as they were written\n")


def test_verify_tells_every_fault_in_a_line(data: Path) -> None:
    murmur("archive", "run", "--data", data, "--now")
    objects = DirectoryObjects(data / "objects")
    segments = [it.key for it in objects.list() if it.key.endswith(".avro")]
    objects.delete(segments[0])
    objects.delete(segments[-1])
    lines = murmur("archive", "verify", "--data", data, code=1).splitlines()
    assert len(lines) == 2
    assert all("the segment is missing" in line for line in lines)
    assert len(json.loads(murmur("archive", "verify", "--data", data, "--json", code=1))) == 2


def test_status_and_doctor_tell_how_far_the_archive_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = cli.settings_of(data_dir=data)
    assert doctor.archive(settings).ok
    monkeypatch.setenv("MURMURATION_RETENTION_DAYS", "7")
    cutting = cli.settings_of(data_dir=data)
    assert "murmur archive run" in doctor.archive(cutting).remedy
    murmur("archive", "run", "--data", data, "--now")
    assert doctor.archive(cutting).ok
    assert "archive: " in murmur("status", "--data", data)
    found = json.loads(murmur("status", "--data", data, "--json"))["archive"]
    assert found["topics"]["follows"]["segments"] > 0
    monkeypatch.setattr(doctor, "ARCHIVED_EVERY_MS", -1)
    assert "once an hour" in doctor.archive(cutting).remedy


def test_a_run_that_fails_is_told(data: Path) -> None:
    murmur("archive", "run", "--data", data, "--now")
    entry = next(it.key for it in DirectoryObjects(data / "objects").list() if it.key.endswith(".json"))
    (data / "objects" / "bytes" / entry).write_bytes(b"{")
    outcome = CliRunner().invoke(cli.app, ["archive", "run", "--data", str(data)])
    assert "is no entry of an archive" in str(outcome.exception)
    kept = told.read(data / "run")
    assert kept is not None
    assert "is no entry of an archive" in kept.error
    assert kept.topics["follows"].archived > 0
    assert "FAILED" in kept.line(SystemClock().now_ms())
    assert doctor.archive(cli.settings_of(data_dir=data)).remedy == "see `murmur archive verify`"
