"""The verbs that print: lines for people, JSON for programs, one line and exit code 2 for trouble."""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from infra import cli
from infra.log import embedded
from infra.log.port import Record
from infra.settings import Settings
from infra.status import PROJECTION_TOPICS
from infra.trouble import TroubleError
from infra.up import prepare
from schemas.accounts.events import AccountRegistered
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.operations.events import DeadLettered
from tests.waiting import BOUND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event

ROOT = Path(__file__).parents[3]
ADA = AccountRegistered(Envelope(1, 1, 1), 1, "ada", "Ada")
LETTER = DeadLettered(Envelope(2, 1_341_100_972_000, 0), "graph", "accounts", 1, 7, "no such thing", encode(ADA))


def run(*arguments: str | Path, code: int = 0) -> str:
    outcome = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert outcome.exit_code == code, outcome.output
    return outcome.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    prepare(Settings(data_dir=tmp_path))
    append(tmp_path, "facts", [ADA])
    append(tmp_path, "derived", [LETTER])
    return tmp_path


def append(data: Path, part: embedded.Part, events: Sequence[Event]) -> None:
    with closing(embedded.open_appender(data / "log", part, {})) as log:
        log.append_blocking([Record(*topic_and_key(event), encode(event)) for event in events])


def test_the_topics_of_the_projections_are_those_of_their_read_models() -> None:
    read_models = {name: importlib.import_module(f"projections.{name}.read_model") for name in PROJECTION_TOPICS}
    assert {name: module.TOPICS for name, module in read_models.items()} == PROJECTION_TOPICS
    folders = {path.parent.name for path in ROOT.glob("projections/*/read_model.py")}
    assert folders == set(PROJECTION_TOPICS)


def test_status_tells_what_waits_while_everything_is_down(data: Path) -> None:
    report = json.loads(run("status", "--data", data, "--json"))
    lags = {lag["projection"]: lag["events"] for lag in report["projections"]}
    assert report["running"] is False
    assert report["log"]["topics"]["accounts"] == 1
    assert lags == {**dict.fromkeys(PROJECTION_TOPICS, 0), "accounts": 1, "home_timeline": 1, "media": 1, "search": 1}
    assert "not running; `murmur up` starts it" in run("status", "--data", data)


def test_status_of_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "log: none yet" in run("status", "--data", tmp_path / "none")


def test_dump_prints_one_json_object_a_line(data: Path) -> None:
    (line,) = run("log", "dump", "accounts", "--data", data).splitlines()
    assert json.loads(line)["fields"]["username"] == "ada"
    assert len(run("log", "dump", "--data", data).splitlines()) == 2


def test_dump_of_an_unknown_topic_names_those_there_are(data: Path) -> None:
    with pytest.raises(TroubleError, match="there is no topic tweet; the topics are accounts, tweets"):
        CliRunner().invoke(cli.app, ["log", "dump", "tweet", "--data", str(data)], catch_exceptions=False)


def test_verify_says_that_all_is_well_or_exits_with_1(data: Path) -> None:
    assert "every record is intact" in run("log", "verify", "--data", data)
    assert json.loads(run("log", "verify", "--data", data, "--json")) == []


def test_dead_letters_are_listed_with_their_reason(data: Path) -> None:
    assert run("dlq", "list", "--data", data) == (
        "2012-07-01T00:02:52.000Z  graph: accounts/1 offset 7 (AccountRegistered): no such thing\n"
    )
    (letter,) = json.loads(run("dlq", "list", "--data", data, "--json"))
    assert letter["reason"] == "no such thing"


def test_settings_are_printed_with_name_variable_default_and_meaning() -> None:
    rows = {row["name"]: row for row in json.loads(run("settings", "--json"))}
    assert set(rows) == set(Settings.model_fields)
    assert rows["query_port"]["environment"] == "MURMURATION_QUERY_PORT"
    assert rows["query_port"]["default"] == "8001"
    assert all(row["description"] for row in rows.values())


def test_the_version_names_the_sqlite_in_use() -> None:
    assert set(json.loads(run("version", "--json"))) == {"murmuration", "python", "sqlite"}


def test_doctor_exits_with_1_where_it_finds_something(data: Path) -> None:
    checks = json.loads(run("doctor", "--data", data, "--json", code=1))
    assert [check["name"] for check in checks if not check["ok"]][-1] == "dead letters"


def test_trouble_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.cli", "log", "verify", "--data", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("murmur: there is no ")
    assert ended.stderr.count("\n") == 1


def cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_comes_at_once_because_nothing_heavy_is_imported() -> None:
    before = cpu_seconds_of_children()
    command = [sys.executable, "-X", "importtime", "-m", "infra.cli", "--help"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=True)
    assert cpu_seconds_of_children() - before < 5.0
    for heavy in ("pydantic", "fastapi", "faust", "apsw", "httpx", "msgspec"):
        assert f" {heavy}\n" not in ended.stderr


def test_up_does_not_import_what_its_children_are_made_of() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import infra.cli, infra.up, infra.settings"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=True)
    for heavy in ("fastapi", "faust", "httpx", "uvicorn", "argon2"):
        assert f" {heavy}\n" not in ended.stderr


def up(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli", "up", "--data", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False)


def test_servers_that_do_not_run_are_named_before_anything_starts(tmp_path: Path) -> None:
    ended = up(tmp_path, "--profile", "cluster")
    assert ended.returncode == 2
    assert ended.stderr == (
        "murmur: the setting kafka_bootstrap is empty and no such server runs; start it: `murmur servers up`\n"
    )


def test_files_are_not_shared_by_workers(tmp_path: Path) -> None:
    ended = up(tmp_path, "--workers", "2")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "--profile cluster" in ended.stderr
