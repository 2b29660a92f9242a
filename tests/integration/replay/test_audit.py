"""`murmur audit` finds a planted error of each kind in what is live, and mends what rows alone can mend."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from infra.sqlite.connections import Durability, open_writer, run_script
from infra.trouble import TroubleError
from schemas.ids import to_uuid
from streams.replay import audit
from streams.replay.command import main as replay
from streams.replay.kinds import KINDS
from tests.histories import USERS
from tests.replay_world import NAMED, ReplayWorld, random_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayWorld]:
    """Live projections that are right, or were put right again by the test before."""
    world = ReplayWorld(tmp_path_factory.mktemp("audit"))
    world.publish(*random_history(400))
    world.live()
    yield world
    world.close()


class Error(NamedTuple):
    """What is planted, and what must be said of it."""

    projection: str
    what: str
    script: str
    said: str


ERRORS = (
    Error("graph", "a lost row", "DELETE FROM follows WHERE user_id = (SELECT min(user_id) FROM follows)", "follows"),
    Error("engagement", "a doubled count", "UPDATE counts SET retweets = retweets * 2 WHERE retweets > 0", "retweets"),
    Error("accounts", "a stale name", "UPDATE accounts SET display_name = 'Once' WHERE user_id = 1", "display_name"),
    Error("graph", "a wrong order", "UPDATE follows SET at_ms = -at_ms", "at_ms"),
    Error("notifications", "a row too many", "INSERT INTO notices VALUES (1, 2, 3, 4, 5, 1)", "notices"),
    Error("trends", "a wrong volume", "UPDATE days SET uses = uses + 1", "uses"),
)
NOT_MENDED = (
    Error("tweets", "a changed body", "UPDATE tweets SET body = replace(body, 'words', 'swords')", "body"),
    Error("home_timeline", "a lost entry", "DELETE FROM outbox WHERE tweet_id % 3 = 0", "outbox"),
    Error("search", "a lost word", "DELETE FROM tweets WHERE rowid IN (SELECT rowid FROM tweets LIMIT 5)", "words"),
)


def audited(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    for name, value in world.settings.environment().items():
        monkeypatch.setenv(name, value)
    code = audit.main([*arguments, "--sample", "0", "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


def plant(world: ReplayWorld, error: Error) -> None:
    with closing(open_writer(world.path(error.projection), Durability.NORMAL)) as connection:
        for trigger in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            run_script(connection, f"DROP TRIGGER {trigger[0]}")  # the store makes them again
        run_script(connection, error.script)
    world.live(error.projection)


def test_all_is_right_where_nothing_was_planted(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMED:
        code, told = audited(world, monkeypatch, capsys, name)
        assert (name, code, told["right"], told["differences"]) == (name, 0, True, [])
        assert told["rows"]
        assert not list(world.path(name).parent.glob("audit.db*"))


@pytest.mark.parametrize("error", ERRORS, ids=lambda it: it.what)
def test_what_rows_can_mend_is_found_and_mended(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Error
) -> None:
    plant(world, error)
    code, told = audited(world, monkeypatch, capsys, error.projection)
    assert (code, told["right"], told["mended"]) == (1, False, None)
    assert any(error.said in f"{it['what']} {it['expected']} {it['found']}" for it in told["differences"])
    assert {it["check"] for it in told["differences"]} >= {"rebuilt"}
    code, told = audited(world, monkeypatch, capsys, error.projection, "--repair")
    assert (code, told["mended"] > 0) == (0, True)
    code, told = audited(world, monkeypatch, capsys, error.projection)
    assert (code, told["differences"]) == (0, [])


@pytest.mark.parametrize("error", NOT_MENDED, ids=lambda it: it.what)
def test_what_rows_cannot_mend_is_found_and_replay_is_advised(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Error
) -> None:
    plant(world, error)
    code, told = audited(world, monkeypatch, capsys, error.projection, "--repair")
    assert (code, told["mended"]) == (1, 0)
    assert any(error.said in f"{it['what']} {it['expected']} {it['found']}" for it in told["differences"])
    assert f"`murmur replay {error.projection}`" in told["advice"]


def test_what_was_edited_is_told_to_caches(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(KINDS["accounts"].open_reader(world.path("accounts"))) as reader:
        plant(world, ERRORS[2])
        reader.changed()
        audited(world, monkeypatch, capsys, "accounts", "--repair")
        assert reader.changed() == [1]


def test_one_account_is_repaired_and_nothing_else(
    world: ReplayWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.path("home_timeline").unlink()
    world.live("home_timeline")
    with closing(KINDS["home_timeline"].open_reader(world.path("home_timeline"))) as reader:
        right = {user: reader.page(user, None, 1000) for user in USERS}
    plant(world, Error("graph", "lost rows", "DELETE FROM follows", "follows"))
    plant(world, Error("home_timeline", "lost rows", "DELETE FROM follows; DELETE FROM entries", "follows"))
    for name, value in world.settings.environment().items():
        monkeypatch.setenv(name, value)
    assert replay(["graph", "--user", "2", "--dry-run"]) == 1
    assert "follows user_id" in capsys.readouterr().out
    assert replay(["graph", "--user", "2", "--dry-run"]) == 1  # it was only told
    assert replay(["graph", "home_timeline", "--user", to_uuid(2)]) == 0
    assert "rows of account 2 put right, and its timeline gathered anew" in capsys.readouterr().out
    with closing(KINDS["home_timeline"].open_reader(world.path("home_timeline"))) as reader:
        assert reader.page(2, None, 1000) == right[2]
        assert [user for user in USERS if reader.page(user, None, 1000) != right[user]]
    code, told = audited(world, monkeypatch, capsys, "graph")
    assert code == 1
    assert not [it for it in told["differences"] if it["check"] == "rebuilt" and 2 in it["ids"]]


def test_what_cannot_be_repaired_for_one_account_is_told(world: ReplayWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.settings.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TroubleError, match="tweets cannot be repaired for one account; `murmur replay tweets`"):
        replay(["tweets", "--user", "2"])
    with pytest.raises(TroubleError, match="'me' is no account's id"):
        replay(["graph", "--user", "me"])


def test_a_projection_that_was_never_built_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ReplayWorld(tmp_path)
    for name, value in world.settings.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TroubleError, match=re.escape("tweets was never built")):
        audit.main(["tweets"])
    world.close()
