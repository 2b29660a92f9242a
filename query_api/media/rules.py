"""Rules: who is told of an upload, and which files of it are shown. Pure.

* An upload is its owner's affair until something has it: to all others there is none.
* A file is shown to whoever knows its name, which nobody can guess, while its media stand: not before they are ready,
  and no more once they were collected, their tweet was deleted or hidden, or their owner is not shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.media.read_model import Media, State, Use
from schemas.media.events import Thumbnail

if TYPE_CHECKING:
    from collections.abc import Collection

_thumbnails = msgspec.json.Decoder(list[Thumbnail])
UNUSED = Use()


def is_told(media: Media | None, viewer_id: int) -> bool:
    """Tell whether a viewer is told what became of an upload."""
    return media is not None and media.owner_id == viewer_id and not media.collected_at_ms


def is_shown(media: Media | None, use: Use, file: str, gone: Collection[int]) -> bool:
    """Tell whether a file of media is shown; `gone` are the accounts that nobody is shown."""
    if media is None or media.state != State.READY or media.collected_at_ms or media.owner_id in gone:
        return False
    return not use.gone_at_ms and not use.hidden and file in files_of(media)


def files_of(media: Media) -> set[str]:
    """Return the names of all that is served of media."""
    return {media.file, media.poster, *(it.file for it in thumbnails_of(media))} - {""}


def thumbnails_of(media: Media) -> list[Thumbnail]:
    """Return the smaller pictures."""
    return _thumbnails.decode(media.thumbnails)
