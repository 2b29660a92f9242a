"""What graph commands must know before they are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.errors import CommandRefusedError
from commands.graph.found import RelationFound

if TYPE_CHECKING:
    from commands.graph.command import Relate
    from commands.services import Services


async def for_relate(services: Services, command: Relate) -> RelationFound:
    """Look up the target and the relation of the two."""
    views = services.views
    exists = command.target_id in views.accounts.many([command.target_id])
    if not exists:
        if not await views.accounts_fresh(command.target_id):
            raise CommandRefusedError("projection_behind", "It is not known yet whether there is such an account.")
        exists = command.target_id in views.accounts.many([command.target_id])
    exists = exists and command.target_id not in views.standings.gone
    certain = await views.graph_fresh(command.user_id, command.target_id)
    relation = views.graph.relation(command.user_id, command.target_id)
    blocking = services.journal.owner(claims.block_key(command.user_id, command.target_id)) is not None
    blocked_by = services.journal.owner(claims.block_key(command.target_id, command.user_id)) is not None
    relation = relation._replace(blocking=relation.blocking or blocking, blocked_by=relation.blocked_by or blocked_by)
    return RelationFound(exists, relation, certain, blocking)
