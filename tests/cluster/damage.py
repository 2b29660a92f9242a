"""What goes wrong with rows and timelines on servers, done by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from infra.cql.projection_tables import named
from infra.redis_primaries import Command, Primaries
from projections.home_timeline.redis_drop import readers
from projections.home_timeline.redis_layout import Layout
from projections.home_timeline.redis_reader import RedisHomeTimelineReader

if TYPE_CHECKING:
    from infra.cql.session import CqlSession
    from infra.settings import Settings


def plant_in_graph(session: CqlSession, generation: int) -> tuple[Any, Any]:
    """Lose a row, put another one out of order, double a count; with the clock's time, as by hand."""
    following, counts = (named(f"{it}{{g}}", generation) for it in ("following", "follow_counts"))
    where = "user_id = ? AND at_ms = ? AND target_id = ?"
    rows = session.run(f"SELECT user_id, at_ms, target_id, stands FROM {following}")
    lost, moved = [row[:3] for row in rows if row[3]][:2]
    for row in (lost, moved):
        session.run(f"DELETE FROM {following} WHERE {where}", row)
    put = f"INSERT INTO {following} (user_id, at_ms, target_id, stands) VALUES (?, ?, ?, true)"
    session.run(put, (moved[0], moved[1] - 1, moved[2]))
    found = session.run(f"SELECT followers, user_id, source FROM {counts}")
    of = next(row for row in found if row[0])
    session.run(f"UPDATE {counts} SET followers = ? WHERE user_id = ? AND source = ?", (of[0] * 2, *of[1:]))
    return lost, moved


def lose_a_timeline(settings: Settings, generation: int, *kinds: str) -> int:
    """Take from a reader what is kept for it; return the reader."""
    layout = Layout(settings.redis_shards, generation)
    with closing(Primaries(settings.redis_urls.split(","))) as primaries:
        timelines = RedisHomeTimelineReader.over(primaries, settings.redis_shards, generation)
        for reader in readers(primaries, generation):
            before = timelines.page(reader, None, 100)
            keys = [layout.of_user(kind, reader) for kind in kinds]
            primaries.run([Command(layout.shard(reader), ("UNLINK", *keys))])
            if timelines.page(reader, None, 100) != before:
                return reader
    raise AssertionError("nobody has a timeline")
