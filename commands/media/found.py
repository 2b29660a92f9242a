"""What commands must know of media before they are decided, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from projections.media.read_model import Media


class MediaFound(NamedTuple):
    """Something uploaded, None where there is no such thing of this account; whether something has it already."""

    media: Media | None
    taken: bool = False
