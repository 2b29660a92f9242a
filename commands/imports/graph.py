"""The plan of a follow graph: accounts, then follows, ending at a fixed time because such files have none."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, ClassVar

from commands.imports.plan import Audience, Ids, Step, account_steps, distinct_follows, follow_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commands.imports.files import Graph

GRAPH_END_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z


class GraphPlan:
    """Steps of one file: len(accounts) + len(distinct follows) of them."""

    refused: ClassVar[Mapping[str, int]] = {}

    def __init__(self, graph: Graph, audience: Audience) -> None:
        self._accounts = graph.accounts
        self._audience = audience
        self._follows = distinct_follows(graph.followers, graph.followees)
        self.total_steps = len(self._accounts.numbers) + len(self._follows)

    def steps(self) -> Iterator[Step]:
        """Yield the steps, the same ones every time."""
        ids, user_ids, start_ms = Ids(), array("q"), GRAPH_END_MS - self.total_steps
        for user_id, step in account_steps(ids, self._audience, self._accounts.numbers, start_ms):
            user_ids.append(user_id)
            yield step
        yield from follow_steps(ids, user_ids, self._follows, start_ms + len(user_ids))
