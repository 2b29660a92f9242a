"""Lets a reader's timeline in Redis lapse, as if the reader had long not been seen: reads pull it from outboxes then.

Consumes:   nothing: an operator names the reader
Writes:     what is kept of one reader but for whom they follow, by the script that closes lapsed timelines
Guarantee:  safe beside the stream workers, who close and fill by the same scripts; a repeat changes nothing. From the
            reader's next signing in on, entries are pushed to a timeline that is filled anew
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.redis_primaries import Command
from projections.home_timeline.redis_layout import Layout, packed
from projections.home_timeline.redis_reader_scripts import CLOSE

if TYPE_CHECKING:
    from infra.redis_primaries import Primaries

LONG_AGO_MS, BEFORE_MS = b"0", b"1"  # nobody was ever seen then


def let_lapse(primaries: Primaries, layout: Layout, reader_id: int) -> None:
    """Forget the entries that were pushed to a reader."""
    shard = layout.shard(reader_id)
    seen = Command(shard, ("ZADD", layout.of_shard("seen", shard), LONG_AGO_MS, packed(reader_id)))
    primaries.run([seen, layout.script(primaries.load(CLOSE), shard, BEFORE_MS)], at_once=True)
