"""What is loaded at once is what was written batch by batch: content and schema, over random histories."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from infra.log.port import Span
from infra.settings import Settings
from infra.sqlite.bulk import is_loading
from infra.sqlite.connections import open_reader, rows
from infra.sqlite.content import compare
from projections.home_timeline.projector import CloseLapsed
from schemas.catalogue import BY_EVENT
from streams.projections import PROJECTIONS
from streams.replay.kinds import KINDS
from streams.replay.pages import page_differences
from tests.histories import USERS, histories, log_of
from tests.memory_files import MemoryFiles
from tests.property.test_projection_laws import batches, sizes, turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import apsw

    from schemas.envelope import Event
    from tests.property.test_projection_laws import Turn

SETTINGS = Settings(celebrity_followers=3, active_days=1000)
LOADED_AT_ONCE = [it for it in PROJECTIONS if it.name in KINDS and KINDS[it.name].open_bulk is not None]

FILES = MemoryFiles("murmur-bulk-")
every_bulk = pytest.mark.parametrize("projection", LOADED_AT_ONCE, ids=lambda it: it.name)
a_law = hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def schema(connection: apsw.Connection) -> list[Any]:
    return rows(connection, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2")


def loaded(projection: Any, log: Any, first: Sequence[Turn]) -> Path:
    """The file of a bulk store that got these batches, and of its own store that got the rest."""
    path, kind = FILES.fresh("loaded"), KINDS[projection.name]
    spans = list(batches(log, first))
    with closing(kind.open_bulk(path, "a-log", SETTINGS)) as store:  # type: ignore[misc]  # those that have one
        for span, events in spans[: len(first)]:
            store.apply(projection.project(events), span)
        assert is_loading(path)
        store.finish()
    assert not is_loading(path)
    with closing(projection.open_store(path, "a-log", SETTINGS)) as store:
        for span, events in spans[len(first) :]:
            store.apply(projection.project(events), span)
    return path


@every_bulk
@a_law
@given(history=histories, order=turns, first=sizes)
def test_what_is_loaded_at_once_is_what_is_written_batch_by_batch(
    projection: Any, history: list[Event], order: list[Turn], first: list[int]
) -> None:
    log, kind = log_of(history, projection.topics), KINDS[projection.name]
    path = FILES.fresh("written")
    with closing(projection.open_store(path, "a-log", SETTINGS)) as store:
        for span, events in batches(log, order):
            store.apply(projection.project(events), span)
    at_once = loaded(projection, log, order[: len(first)])
    with closing(open_reader(path)) as one, closing(open_reader(at_once)) as other:
        assert schema(one) == schema(other)
        for table in kind.content.tables:
            assert compare(other, one, table, 5).differences == []
        for invariant in kind.content.invariants:
            assert (invariant.says, rows(other, invariant.broken)) == (invariant.says, [])
    if kind.pages:
        with closing(kind.open_reader(path)) as one_, closing(kind.open_reader(at_once)) as other_:
            assert list(page_differences(list(USERS), other_, one_)) == []


@every_bulk
def test_a_file_that_is_half_loaded_is_opened_by_nobody_else(projection: Any) -> None:
    path, kind = FILES.fresh("loaded"), KINDS[projection.name]
    with closing(kind.open_bulk(path, "a-log", SETTINGS)) as store:  # type: ignore[misc]  # those that have one
        store.apply((), Span(projection.topics[0], 0, 0, 1))
    with pytest.raises(Exception, match="delete the file to rebuild it"):
        projection.open_store(path, "a-log", SETTINGS)


NOTHING_OF_ITSELF = {CloseLapsed}  # says only how late it is, which other events say as well


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda it: it.name)
@a_law
@given(history=histories)
def test_what_replay_passes_over_says_nothing_to_the_projector(projection: Any, history: list[Event]) -> None:
    passed_over = KINDS[projection.name].passes_over
    for event in history:
        if type(event) in passed_over and BY_EVENT[type(event)].topic in projection.topics:
            assert {type(write) for write in projection.project([event])} <= NOTHING_OF_ITSELF, event


def test_replay_knows_every_projection() -> None:
    assert KINDS.keys() == {it.name for it in PROJECTIONS}
