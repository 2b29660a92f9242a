"""Secrets out of files: exactly what was written there, from one place only, and shown nowhere."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from infra import secret_files
from infra.settings import PREFIX, Settings
from infra.trouble import REFUSED, TroubleError

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = secret_files.names(Settings)
WORDS = ("password", "secret", "redis", "private", "_key")
NO_SECRETS = {"redis_shards", "cassandra_keyspace"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_whatever_sounds_like_a_secret_is_one() -> None:
    sounding = {name for name in Settings.model_fields if any(word in name for word in WORDS)}
    assert sounding - NO_SECRETS <= set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_every_secret_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, file: Path, name: str, end: str) -> None:
    file.write_bytes(f" p4ss wörd {end}".encode())
    monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(file))
    settings = Settings()
    assert getattr(settings, name) == " p4ss wörd "
    assert "p4ss" not in repr(settings)


def test_a_setting_that_is_no_secret_is_read_from_no_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("192.0.2.1")
    monkeypatch.setenv(f"{PREFIX}HOST_FILE", str(file))
    assert Settings().host == "127.0.0.1"


def test_a_secret_from_two_places_is_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("one")
    monkeypatch.setenv("MURMURATION_CASSANDRA_PASSWORD_FILE", str(file))
    monkeypatch.setenv("MURMURATION_CASSANDRA_PASSWORD", "two")
    with pytest.raises(TroubleError, match=r"both MURMURATION_CASSANDRA_PASSWORD and .*_FILE are set"):
        Settings()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"a\nb\n", b"\xff\xfe", b"a\0b", b"x" * 70_000])
def test_a_file_without_a_secret_is_told_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, file: Path, content: bytes | None
) -> None:
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("MURMURATION_CASSANDRA_PASSWORD_FILE", str(file))
    with pytest.raises(TroubleError, match="MURMURATION_CASSANDRA_PASSWORD_FILE names") as caught:
        Settings()
    assert len(str(caught.value)) < 400


def test_a_child_process_is_given_the_secrets_it_is_to_have_and_no_way_to_others(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    file.write_text("p4ss")
    monkeypatch.setenv("MURMURATION_CASSANDRA_PASSWORD_FILE", str(file))
    settings = Settings()
    assert settings.environment()["MURMURATION_CASSANDRA_PASSWORD"] == "p4ss"
    entrusted = settings.model_copy(update={"cassandra_password": ""}).environment()
    assert entrusted["MURMURATION_CASSANDRA_PASSWORD"] == ""
    assert not [name for name in entrusted if name.endswith("PASSWORD_FILE")]


def test_a_process_says_in_one_line_what_is_wrong_with_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("MURMURATION_CASSANDRA_PASSWORD_FILE", str(file))
    done = subprocess.run([sys.executable, "-m", "commands"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == REFUSED
    assert done.stderr.count("\n") == 1
    assert "cannot be read: No such file" in done.stderr
