"""How far the processing agent is, on Scylla or Cassandra: checkpoints without any table beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from infra.cql.projection_store import CqlProjectionStore
from streams.processing.agent import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed


class CqlProgress(CqlProjectionStore):
    """The checkpoints of the agent's log partitions."""

    PROJECTION = NAME
    TABLES: ClassVar[Mapping[str, str]] = {}

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:  # noqa: ARG002 - there is nothing to write
        """Send nothing."""
        yield from ()
        return ()
