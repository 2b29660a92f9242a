"""A log that was written by programs of many years: live projections and replay say what a log of today would say."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.log.port import Record
from infra.sqlite.connections import open_reader
from infra.sqlite.content import compare
from schemas.catalogue import BY_EVENT, BY_SCHEMA_ID
from schemas.codec import decode, encode, schema_id_of, topic_and_key
from streams.replay.kinds import KINDS
from streams.replay.pages import page_differences
from tests.histories import USERS
from tests.replay_world import NAMED, ReplayWorld, random_history
from tests.versions import mixed

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 600


class Logs:
    """The same history twice: each record under a version of its own, and all under the newest."""

    def __init__(self, old: ReplayWorld, new: ReplayWorld) -> None:
        self.old, self.new = old, new
        self.values = mixed(random_history(STEPS))
        events = [decode(value) for value in self.values]
        old.append([Record(*topic_and_key(event), value) for event, value in zip(events, self.values, strict=True)])
        new.append([Record(*topic_and_key(event), encode(event)) for event in events])


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    with (
        closing(ReplayWorld(tmp_path_factory.mktemp("old"))) as old,
        closing(ReplayWorld(tmp_path_factory.mktemp("new"))) as new,
    ):
        made = Logs(old, new)
        old.live()
        new.live()
        yield made


def test_the_log_has_every_version_of_all_that_people_can_do(logs: Logs) -> None:
    written = {schema_id_of(value) for value in logs.values}
    said = {BY_SCHEMA_ID[schema_id].event for schema_id in written}
    assert {name for it in said for name in BY_EVENT[it].versions.values()} == written
    assert sum(len(BY_EVENT[it].versions) > 1 for it in said) >= 4
    assert sum(bool(BY_EVENT[it].upcasters) for it in said) >= 2


@pytest.mark.parametrize("name", NAMED)
def test_a_projection_of_it_is_that_of_a_log_of_today(logs: Logs, name: str) -> None:
    with closing(open_reader(logs.old.path(name))) as old, closing(open_reader(logs.new.path(name))) as new:
        for table in KINDS[name].content.tables:
            assert compare(old, new, table, 5).differences == []


def test_home_timelines_of_it_are_those_of_a_log_of_today(logs: Logs) -> None:
    open_reader = KINDS["home_timeline"].open_reader
    old, new = (open_reader(it.path("home_timeline")) for it in (logs.old, logs.new))
    with closing(old), closing(new):
        assert list(page_differences(list(USERS), old, new)) == []


def test_a_replay_of_it_is_right_beside_the_live_ones_and_the_recount(logs: Logs) -> None:
    reports = logs.old.rebuild(*NAMED.values())
    assert {name: report.findings for name, report in reports.items()} == dict.fromkeys(NAMED, ())
