"""What is said to Scylla, to Cassandra, and to whoever has changed what was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.cql.migrate import FOLDER, Migration, migrations, unapplied
from infra.cql.schema import keyspace_statements, statements
from infra.settings import Settings
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(cassandra_keyspace="birds", cassandra_datacenter="west", cassandra_replication=3)


def test_only_the_keyspace_of_compare_and_set_is_without_tablets_and_only_on_scylla() -> None:
    rows, lwt = keyspace_statements(SETTINGS, scylla=True)
    assert rows == (
        "CREATE KEYSPACE IF NOT EXISTS birds WITH replication = {'class': 'NetworkTopologyStrategy', 'west': 3}"
    )
    assert lwt == rows.replace("birds", "birds_lwt") + " AND tablets = {'enabled': false}"
    assert keyspace_statements(SETTINGS, scylla=False) == [rows, rows.replace("birds", "birds_lwt")]


@pytest.mark.parametrize("name", ["", "Birds", "1birds", "birds-1", 'b"; DROP', "b" * 45])
def test_what_is_no_name_of_a_keyspace_is_refused(name: str) -> None:
    with pytest.raises(TroubleError, match="cassandra_keyspace"):
        keyspace_statements(Settings(cassandra_keyspace=name), scylla=False)


def test_a_text_is_taken_apart_into_statements_without_comments() -> None:
    text = "-- why; and how\nCREATE TABLE {rows}.a (b int); -- one\n\nCREATE TABLE {lwt}.c (\n  d int\n);\n"
    assert statements(text, SETTINGS) == ["CREATE TABLE birds.a (b int)", "CREATE TABLE birds_lwt.c (\n  d int\n)"]


def test_every_statement_may_be_applied_again() -> None:
    found = [statement for migration in migrations(SETTINGS) for statement in migration.statements]
    assert found
    assert [statement for statement in found if "IF NOT EXISTS" not in statement] == []


def test_tables_ask_a_second_replica_when_the_first_is_slow() -> None:
    tables = [it for migration in migrations(SETTINGS) for it in migration.statements if "CREATE TABLE" in it]
    assert [table for table in tables if "speculative_retry = '50ms'" not in table] == []


def test_files_have_numbers_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted(FOLDER.glob("*.cql"))]
    assert numbers == list(range(1, len(numbers) + 1))


ONE, TWO = Migration("0001_one", "a", ()), Migration("0002_two", "b", ())


def test_what_was_applied_is_not_applied_again() -> None:
    assert unapplied([ONE, TWO], {}) == [ONE, TWO]
    assert unapplied([ONE, TWO], {"0001_one": "a"}) == [TWO]


def test_a_file_that_was_changed_after_it_was_applied_is_refused() -> None:
    with pytest.raises(TroubleError, match="0001_one was changed"):
        unapplied([ONE, TWO], {"0001_one": "A"})


def test_tables_of_a_newer_version_are_refused() -> None:
    with pytest.raises(TroubleError, match="newer version, which has 0002_two"):
        unapplied([ONE], {"0001_one": "a", "0002_two": "b"})


def test_the_checksum_is_of_the_file_whatever_the_keyspace(tmp_path: Path) -> None:
    (tmp_path / "0001_a.cql").write_text("CREATE TABLE IF NOT EXISTS {rows}.a (b int PRIMARY KEY);")
    (birds,) = migrations(SETTINGS, tmp_path)
    (fish,) = migrations(Settings(cassandra_keyspace="fish"), tmp_path)
    assert birds.checksum == fish.checksum
    assert birds.statements != fish.statements
