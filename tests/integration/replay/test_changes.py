"""A new column and a new rule go out by replay: the old generation serves until the new one is proven, and after."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.sqlite.connections import Durability, open_writer, run_script
from projections.accounts.sqlite import SqliteAccountsReader, SqliteAccountsStore
from streams.replay.options import parsed
from streams.replay.run import STOPPED, Replay
from tests.replay_world import NAMED, ReplayWorld, random_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OLD_VERSION = 77
BANNER_AT = 7  # among the columns


class OldAccountsStore(SqliteAccountsStore):
    """As the store was before profiles had banners."""

    SCHEMA_VERSION = OLD_VERSION
    SCHEMA = SqliteAccountsStore.SCHEMA.replace("banner_image_url TEXT NOT NULL,", "")
    STATEMENTS: ClassVar[Mapping[type[Any], str]] = {
        kind: statement.replace(", ".join("?" * 15), ", ".join(f"?{at}" for at in range(1, 16) if at != BANNER_AT))
        .replace(",\n                banner_image_url = coalesce(?6, banner_image_url)", "")
        .replace("WHERE user_id = ?1", "WHERE user_id = ?1 AND ?6 IS ?6")
        for kind, statement in SqliteAccountsStore.STATEMENTS.items()
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReplayWorld]:
    """A system whose accounts were built by the old version."""
    world = ReplayWorld(tmp_path)
    world.publish(*random_history(200))
    old = NAMED["accounts"]._replace(
        open_store=lambda path, log_id, _: OldAccountsStore(path, log_id), schema_version=OLD_VERSION
    )
    world.keep_up(old)
    yield world
    world.close()


def replayed(world: ReplayWorld, *arguments: str) -> int:
    return Replay(world.settings, parsed([*arguments, "--sample", "0", "--json"])).run()


def test_a_new_column_goes_out_while_the_old_version_serves(world: ReplayWorld) -> None:
    assert replayed(world, "accounts") == 0
    record = Generations(FileGenerations(world.settings.projections_dir), SystemClock()).of("accounts")
    of_old, of_new = record.candidates(OLD_VERSION), record.candidates(SqliteAccountsStore.SCHEMA_VERSION)
    assert [it.number for it in of_old][:1] == [1]
    assert [it.number for it in of_new][:1] == [2]
    verification = record.known(2).verification
    assert record.active == 2
    assert verification is not None
    assert "as in generation 1" in verification.report
    with closing(SqliteAccountsReader(world.path("accounts", 2))) as reader:
        assert any(account.banner_image_url for account in reader.many(range(1, 6)).values())


def test_a_new_rule_is_told_and_goes_out_where_it_is_said_to_be_one(world: ReplayWorld) -> None:
    with closing(open_writer(world.path("accounts"), Durability.NORMAL)) as connection:
        run_script(connection, "UPDATE accounts SET status = 'NEW'")  # the old rule
    assert replayed(world, "accounts") == STOPPED
    assert replayed(world, "accounts", "--changed") == 0
    assert Generations(FileGenerations(world.settings.projections_dir), SystemClock()).of("accounts").active == 3
