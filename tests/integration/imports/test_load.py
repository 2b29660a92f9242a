"""`python -m commands.imports` as a process: killed at random moments, run twice, given broken files."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from contextlib import closing, suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from commands.imports.bootstrap import plan_of
from infra.auth.credentials import SqliteCredentials
from infra.data_lock import DataLock
from infra.log.embedded import EmbeddedLogReader
from infra.log.partitioner import partition_of
from infra.settings import Settings
from infra.status import lags
from infra.up import prepare
from schemas.accounts.events import AccountRegistered
from schemas.catalogue import ACCOUNTS, FOLLOWS, IMPORTS, TWEETS
from schemas.codec import decode, encode, topic_and_key

ROOT = Path(__file__).parents[3]
BOUND_SECONDS = 60.0
ROWS = 12_000
KILLS = 5
T = 1_341_100_972


@pytest.fixture
def higgs_file(tmp_path: Path) -> Path:
    dice = random.Random(88)
    people = [int(dice.paretovariate(0.7)) % 900 for _ in range(2 * ROWS)]
    rows = zip(people[::2], people[1::2], range(ROWS), strict=True)
    lines = [f"{a} {b} {T + at // 7} {dice.choice(['RT', 'RT', 'MT', 'RE'])}\n" for a, b, at in rows]
    path = tmp_path / "rows.txt"
    path.write_text("".join(lines))
    return path


def loading(data: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "MURMURATION_DATA_DIR": str(data), "MURMURATION_PARTITIONS": "3"}
    command = [sys.executable, "-m", "commands.imports", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def loaded(data: Path, *arguments: str | Path) -> tuple[int, str, str]:
    with loading(data, *arguments) as process:
        out, err = process.communicate(timeout=BOUND_SECONDS)
    return process.returncode, out, err


def records(data: Path) -> dict[tuple[str, int], list[bytes]]:
    found: dict[tuple[str, int], list[bytes]] = {}
    with closing(EmbeddedLogReader(data / "log")) as log:
        for (topic, partition), end in log.end_offsets((ACCOUNTS, FOLLOWS, TWEETS, IMPORTS)).items():
            batch = log.read(topic, partition, 0, end)
            found[topic, partition] = batch.values if batch else []
    return found


def expected(path: Path) -> dict[tuple[str, int], list[bytes]]:
    wanted: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    for step in plan_of("higgs", path.read_bytes(), None, active=False).steps():
        for event in step:
            topic, key = topic_and_key(event)
            wanted[topic, partition_of(key, 3)].append(encode(event))
    return wanted


def test_killed_at_any_moment_it_goes_on_without_loss_and_without_repetition(tmp_path: Path, higgs_file: Path) -> None:
    dice, data = random.Random(14454), tmp_path / "data"
    for _ in range(KILLS):
        with loading(data, "higgs", higgs_file) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(dice.uniform(0.3, 1.6))
            process.kill()
    code, out, err = loaded(data, "higgs", higgs_file, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["phase"] == "done"
    found = {place: values for place, values in records(data).items() if place[0] != IMPORTS}
    assert {place: values for place, values in found.items() if values} == expected(higgs_file)
    assert {lag.events for lag in lags(Settings(data_dir=data))} == {0}


def test_a_second_run_changes_nothing(tmp_path: Path, higgs_file: Path) -> None:
    assert loaded(tmp_path / "data", "higgs", higgs_file, "--limit", "300")[0] == 0
    before = records(tmp_path / "data")
    code, out, _ = loaded(tmp_path / "data", "higgs", higgs_file, "--limit", "300")
    assert (code, out[:14]) == (0, "already loaded")
    assert records(tmp_path / "data") == before


def test_the_same_file_with_other_options_is_refused(tmp_path: Path, higgs_file: Path) -> None:
    assert loaded(tmp_path / "data", "higgs", higgs_file, "--limit", "20")[0] == 0
    before = records(tmp_path / "data")
    code, _, err = loaded(tmp_path / "data", "higgs", higgs_file, "--limit", "30", "--json")
    assert code == 2
    assert "loaded before with other options (limit=20:inactive); load into an empty folder with --data" in err
    assert records(tmp_path / "data") == before


def test_names_that_are_taken_are_refused(tmp_path: Path, higgs_file: Path) -> None:
    assert loaded(tmp_path / "data", "higgs", higgs_file, "--limit", "20")[0] == 0
    before = records(tmp_path / "data")
    (tmp_path / "other.txt").write_text(higgs_file.read_text() + f"1 2 {T + ROWS} RT\n")
    code, _, err = loaded(tmp_path / "data", "higgs", tmp_path / "other.txt", "--json")
    assert (code, "username:higgs_" in err, "Traceback" in err) == (2, True, False)
    assert records(tmp_path / "data") == before


def test_a_malformed_line_is_named_and_nothing_is_written(tmp_path: Path, higgs_file: Path) -> None:
    higgs_file.write_text(higgs_file.read_text() + "1 2 3\n")
    code, _, err = loaded(tmp_path / "data", "higgs", higgs_file)
    assert code == 2
    assert err == f"murmur load: {higgs_file}: line {ROWS + 1}: 3 columns, 4 expected: '1 2 3'; mend the file\n"
    assert not (tmp_path / "data").exists()


def test_beside_a_running_system_it_leaves_the_projections_to_that_system(tmp_path: Path, higgs_file: Path) -> None:
    data = tmp_path / "data"
    prepare(Settings(data_dir=data, partitions=3))
    environment = {**os.environ, "MURMURATION_DATA_DIR": str(data), "MURMURATION_PARTITIONS": "3"}
    with DataLock(data, "murmur up"):
        streams = subprocess.Popen([sys.executable, "-m", "streams", "all"], cwd=ROOT, env=environment)
        try:
            code, out, _ = loaded(data, "higgs", higgs_file, "--limit", "2000", "--json")
        finally:
            streams.terminate()
            streams.wait(BOUND_SECONDS)
    assert (code, json.loads(out.splitlines()[-1])["phase"]) == (0, "done")
    assert not (data / "logs" / "streams.log").exists()
    assert {lag.events for lag in lags(Settings(data_dir=data))} == {0}


def test_all_accounts_may_be_given_one_password(tmp_path: Path, higgs_file: Path) -> None:
    data = tmp_path / "data"
    secret = "a lovely long password"
    for _ in range(2):
        assert loaded(data, "higgs", higgs_file, "--limit", "30", "--password", secret, "--json")[0] == 0
    registered = {
        event.user_id
        for (topic, _), values in records(data).items()
        if topic == ACCOUNTS
        for event in map(decode, values)
        if isinstance(event, AccountRegistered)
    }
    with closing(SqliteCredentials(data / "credentials.db")) as credentials:
        hashes = {credentials.password_hash(user_id) for user_id in registered}
    (encoded,) = hashes
    assert encoded is not None
    assert PasswordHasher().verify(encoded, secret)


def test_a_password_that_nobody_may_have_is_refused_before_anything_is_written(
    tmp_path: Path, higgs_file: Path
) -> None:
    code, _, err = loaded(tmp_path / "data", "higgs", higgs_file, "--password", "short")
    assert (code, "the password is too short" in err) == (2, True)
    assert not (tmp_path / "data").exists()
