"""Migrations and roles on a real server: repeated, raced, killed half-way, with changed files and wrong passwords."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra.cql.migrate import FOLDER, applied, migrate, migrations
from infra.cql.migrate_all import migrate_all
from infra.cql.roles import make_roles, role
from infra.cql.schema import is_scylla, keyspaces
from infra.cql.schema_lock import LEASE_SECONDS, schema_locked
from infra.cql.session import CqlSession
from infra.projections import StoreError
from infra.trouble import TroubleError
from projections.accounts.cql import CqlAccountsReader, CqlAccountsStore
from tests.conftest import settings_of
from tests.cql_keyspaces import dropped, in_keyspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

FILES = {
    "0002_birds.cql": "CREATE TABLE IF NOT EXISTS {rows}.birds (id int PRIMARY KEY);\n"
    "CREATE TABLE IF NOT EXISTS {lwt}.nests (id int PRIMARY KEY);",
    "0003_eggs.cql": "CREATE TABLE IF NOT EXISTS {rows}.eggs (id int PRIMARY KEY);",
}
NAMES = ["0001_migrations", "0002_birds", "0003_eggs"]


@pytest.fixture(scope="module")
def server(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")


@pytest.fixture
def own(server: Settings, request: pytest.FixtureRequest) -> Settings:
    """The settings with a keyspace of the test's own, which is not made yet."""
    return in_keyspace(server, f"t{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def admin(own: Settings) -> Iterator[CqlSession]:
    with dropped(own) as session:
        yield session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first = FOLDER / "0001_migrations.cql"
    for name, text in {first.name: first.read_text(), **FILES}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def tables(admin: CqlSession, own: Settings) -> set[str]:
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
    return {row[0] for keyspace in keyspaces(own) for row in admin.run(query, (keyspace,))}


ALL = {"migrations", "locks", "birds", "nests", "eggs"}


def test_a_repeat_changes_nothing(admin: CqlSession, own: Settings, folder: Path) -> None:
    assert not is_scylla(admin)
    assert migrate(admin, own, folder) == NAMES
    assert tables(admin, own) == ALL
    assert migrate(admin, own, folder) == []


def test_what_is_new_is_applied_alone(admin: CqlSession, own: Settings, folder: Path) -> None:
    (folder / "0003_eggs.cql").rename(folder / "later")
    assert migrate(admin, own, folder) == NAMES[:2]
    (folder / "later").rename(folder / "0003_eggs.cql")
    assert migrate(admin, own, folder) == NAMES[2:]


def test_a_changed_file_is_refused_before_anything_is_applied(admin: CqlSession, own: Settings, folder: Path) -> None:
    (folder / "0003_eggs.cql").rename(folder / "later")
    migrate(admin, own, folder)
    (folder / "later").rename(folder / "0003_eggs.cql")
    (folder / "0002_birds.cql").write_text("CREATE TABLE IF NOT EXISTS {rows}.fish (id int PRIMARY KEY);")
    with pytest.raises(TroubleError, match="0002_birds was changed after it was applied"):
        migrate(admin, own, folder)
    assert tables(admin, own) == ALL - {"eggs"}


class Killed(BaseException):
    """Where the process is."""


class Mortal(CqlSession):
    """A session whose process is killed before its n-th statement, and does not get to clean up."""

    lives: int

    def execute(self, statement: str) -> None:
        self._live()
        super().execute(statement)

    def run(self, statement: str, values: Any = (), *, idempotent: bool = True) -> list[tuple[Any, ...]]:
        self._live()
        return super().run(statement, values, idempotent=idempotent)

    def _live(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise Killed


def test_a_migration_that_was_killed_anywhere_is_finished_by_the_next(
    admin: CqlSession, own: Settings, folder: Path
) -> None:
    with closing(Mortal(own, keyspace="")) as mortal:
        for lives in range(100):
            mortal.lives = lives
            try:
                migrate(mortal, own, folder)
            except Killed:
                if "locks" in tables(admin, own):  # what would expire
                    admin.run(f"DELETE FROM {keyspaces(own).lwt}.locks WHERE name = 'schema' IF EXISTS")
            else:
                break
    assert lives > 10
    assert tables(admin, own) == ALL
    assert applied(admin, own) == {it.name: it.checksum for it in migrations(own, folder)}


def test_the_lock_of_a_killed_process_expires(admin: CqlSession, own: Settings, folder: Path) -> None:
    migrate(admin, own, folder)
    with closing(Mortal(own, keyspace="")) as mortal:
        mortal.lives = 1
        with pytest.raises(Killed), schema_locked(mortal, own):
            pass
    query = f"SELECT TTL(owner) FROM {keyspaces(own).lwt}.locks WHERE name = 'schema'"
    ((left,),) = admin.run(query)
    assert 0 < left <= LEASE_SECONDS


def test_two_migrations_at_once_apply_each_file_once(admin: CqlSession, own: Settings, folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool, closing(CqlSession(own, keyspace="")) as other:
        both = [pool.submit(migrate, session, own, folder) for session in (admin, other, admin, other)]
        assert sorted(name for one in both for name in one.result()) == NAMES
    assert tables(admin, own) == ALL


def test_the_query_role_reads_and_the_app_writes(admin: CqlSession, own: Settings) -> None:
    migrate_all(own)
    migrate_all(own)  # nobody's password changes
    with closing(CqlSession(role(own, "app"))) as session, closing(CqlSession(role(own, "query"))) as reading:
        CqlAccountsStore(session, "a-log")
        assert CqlAccountsReader(reading).many([1]) == {}
        for statement in ("INSERT INTO accounts_g1 (user_id) VALUES (1)", "TRUNCATE accounts_g1", "DROP TABLE stores"):
            with pytest.raises(StoreError, match="permission on"):
                reading.execute(statement)
        with pytest.raises(StoreError, match="permission on"):
            reading.execute(f"SELECT * FROM {keyspaces(own).lwt}.claims")
        reading.execute(f"SELECT * FROM {keyspaces(own).lwt}.revocations")
        with pytest.raises(StoreError, match="permission on"):
            session.execute("CREATE TABLE mine (id int PRIMARY KEY)")
        with pytest.raises(StoreError, match="permission on"):
            session.execute("INSERT INTO system_auth.roles (role) VALUES ('me')")
    for name in ("app", "query"):
        admin.execute(f'DROP ROLE "{role(own, name).cassandra_user}"')


def test_a_password_that_is_set_takes_the_place_of_the_derived(
    admin: CqlSession, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(admin, own)
    monkeypatch.setattr("infra.cql.migrate_all._make_projections", lambda *_: None)
    mine = own.model_copy(update={"cassandra_app_password": 'it\'s "mine"'})
    for settings in (mine, mine):
        migrate_all(settings)
        CqlSession(role(settings, "app")).close()
    with pytest.raises(TroubleError, match="refuses the role"):
        CqlSession(role(own, "app"))
    for name in ("app", "query"):
        admin.execute(f'DROP ROLE "{role(own, name).cassandra_user}"')


def test_without_a_log_in_there_are_no_roles(own: Settings, admin: CqlSession) -> None:
    anybody = own.model_copy(update={"cassandra_user": "", "cassandra_password": ""})
    assert role(anybody, "app") == role(anybody, "query") == anybody
    said: list[str] = []
    make_roles(admin, anybody, said.append)
    assert said == ["no log-in is set (cassandra_user is empty): no roles"]


def test_a_role_with_a_password_logs_in_whether_or_not_an_admin_is_named(own: Settings) -> None:
    alone = {"cassandra_user": "", "cassandra_query_user": "reader", "cassandra_query_password": "word"}
    query = role(own.model_copy(update=alone), "query")
    assert (query.cassandra_user, query.cassandra_password) == ("reader", "word")
    assert role(own, "query").cassandra_user == f"{own.cassandra_keyspace}_query"
    assert role(own, "query").cassandra_password == role(own, "query").cassandra_password
    assert role(own, "query").cassandra_password != role(own, "app").cassandra_password


class Open(CqlSession):
    """A session with a server that lets everybody do everything."""

    def execute(self, statement: str) -> None:
        if statement.startswith("GRANT"):
            raise StoreError("CQL: InvalidRequest: GRANT operation is not supported by AllowAllAuthorizer")
        super().execute(statement)


def test_a_server_that_asks_for_no_log_in_gets_no_roles(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.cql.roles._logs_in", lambda _: True)
    said: list[str] = []
    with closing(Open(own, keyspace="")) as session:
        make_roles(session, own, said.append)
    assert said == ["the server asks for no log-in: no roles"]


def test_a_store_without_tables_says_what_makes_them(admin: CqlSession, own: Settings) -> None:
    with pytest.raises(TroubleError, match="has no keyspace"):
        CqlSession(own)
    migrate(admin, own)
    with closing(CqlSession(own)) as session, pytest.raises(TroubleError, match="`murmur migrate`"):
        CqlAccountsStore(session, "a-log")


def test_the_verb_says_in_one_line_what_is_wrong(own: Settings) -> None:
    wrong = own.model_copy(update={"cassandra_password": "guessed"})
    done = subprocess.run(
        [sys.executable, "-m", "streams", "tables"], env=wrong.environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "refuses the role" in done.stderr
    assert len(done.stderr.splitlines()) == 1
