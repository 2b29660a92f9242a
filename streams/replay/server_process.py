"""One process of a replay on servers, `python -m streams.replay.server_process ORDERS`: it builds some partitions."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from infra.trouble import refusing
from streams.replay.build import Throttle, build
from streams.replay.kinds import chosen
from streams.replay.messages import Lines, begun, placed
from streams.replay.rebuild import Told
from streams.replay.servers import SPAN_RECORDS, OnServers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.log.port import TopicPartition


def main(arguments: list[str]) -> int:
    """Build what the orders say; return the exit code."""
    orders, settings = begun(arguments)
    number, of = orders.share
    projections = chosen([it.projection for it in orders.tasks])
    with ExitStack() as opened:
        servers = OnServers(
            settings,
            sorted({topic for it in projections for topic in it.topics}),
            opened,
            from_archive=orders.from_archive,
        )
        builds = []
        for order, projection in zip(orders.tasks, projections, strict=True):
            goal = {place: end for place, end in placed(order.until or {}).items() if place.partition % of == number}
            builds.append(servers.build(projection, order.generation, goal))
        lines = Lines()

        def tell(_: int) -> None:
            for it in builds:
                lines.tell(Told(it.name, "load", _own(it.done, it.goal), it.goal))

        tell(0)
        build(servers.log, builds, Throttle(orders.rate), tell, SPAN_RECORDS)
        for it in builds:
            lines.tell(Told(it.name, "built", it.done, it.goal, passed=len(it.passed)))
    return 0


def _own(done: Mapping[TopicPartition, int], goal: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {place: offset for place, offset in done.items() if place in goal}


if __name__ == "__main__":
    sys.exit(refusing("replay", lambda: main(sys.argv[1:])))
