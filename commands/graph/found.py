"""What graph commands must know before they are decided, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from projections.graph.read_model import Relation


class RelationFound(NamedTuple):
    """Whether the other account exists, and how the two stand; `certain` unless the read model has fallen behind.

    `claimed`: the journal holds the claim of the account's own block.
    """

    exists: bool
    relation: Relation
    certain: bool = True
    claimed: bool = False
