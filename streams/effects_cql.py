"""How far agents of effects are, on Scylla or Cassandra: checkpoints without any table beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from infra.cql.projection_store import CqlProjectionStore
from streams.processing.agent import NAME as PROCESSING
from streams.push.agent import NAME as PUSH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed


class _Progress(CqlProjectionStore):
    TABLES: ClassVar[Mapping[str, str]] = {}

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:  # noqa: ARG002 - there is nothing to write
        """Send nothing."""
        yield from ()
        return ()


class PushProgress(_Progress):
    """The checkpoints of the push agent's log partitions."""

    PROJECTION = PUSH


class ProcessingProgress(_Progress):
    """The checkpoints of the processing agent's log partitions."""

    PROJECTION = PROCESSING
