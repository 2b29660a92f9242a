"""The recount of every projection finds nothing wrong in what its store holds, over random histories."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from infra.settings import Settings
from streams.projections import PROJECTIONS
from streams.replay.decoding import cheapest
from streams.replay.kinds import KINDS
from streams.replay.sample import Sample
from tests.histories import histories, log_of
from tests.memory_files import MemoryFiles
from tests.property.test_projection_laws import batches, turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from tests.property.test_projection_laws import Turn

SETTINGS = Settings(celebrity_followers=3, active_days=1000)

FILES = MemoryFiles("murmur-recount-")
every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda it: it.name)
a_law = hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def recounted(projection: Any, log: Any, order: Sequence[Turn]) -> list[Finding]:
    """What the recount of all entities finds in a store that got these batches."""
    path, kind = FILES.fresh(projection.name), KINDS[projection.name]
    with closing(projection.open_store(path, "a-log", SETTINGS)) as store:
        for span, events in batches(log, order):
            store.apply(projection.project(events), span)
    recount = kind.recount(Sample())
    for place in sorted(log, key=cheapest):
        for offset, event in enumerate(log[place]):
            recount.take(place, offset, event)
    with closing(kind.open_reader(path)) as reader:
        return list(recount.differences(reader))


@every_projection
@a_law
@given(history=histories, order=turns)
def test_a_recount_finds_nothing_in_what_a_store_holds(
    projection: Any, history: list[Event], order: list[Turn]
) -> None:
    assert recounted(projection, log_of(history, projection.topics), order) == []
