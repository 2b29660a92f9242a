"""What commands must know of media before they decide, from the read model and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.errors import CommandRefusedError
from commands.media.found import MediaFound
from projections.media.read_model import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commands.services import Services
    from projections.media.read_model import Media


async def of_owner(services: Services, owner_id: int, media_ids: Sequence[int]) -> list[MediaFound]:
    """Return the account's own media, in the order asked; what is not ready only once the model has caught up."""
    found = services.views.media.many(media_ids)
    if not all(_certain(found.get(it)) for it in media_ids):
        if not await services.views.media_fresh(owner_id):
            raise CommandRefusedError("projection_behind", "It is not known yet whether there are such media.")
        found = services.views.media.many(media_ids)
    return [
        MediaFound(
            media if (media := found.get(it)) is not None and media.owner_id == owner_id else None,
            services.journal.owner(claims.media_key(it)) is not None,
        )
        for it in media_ids
    ]


def _certain(media: Media | None) -> bool:
    return media is not None and media.state != State.PROCESSING
