"""What is shown of an image or a video, as the members of its JSON object: the same wherever it stands. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.ids import to_uuid
from schemas.media.paths import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.tweets.events import AttachedThumbnail, Attachment


def shown(media: Attachment | Any, thumbnails: Iterable[AttachedThumbnail | Any]) -> dict[str, Any]:
    """Return the members, of an attachment or of whatever else names its parts like one.

    Each `url` is a path without a host; `duration` (seconds) and `poster` are null for images.
    """
    media_id: int = media.media_id
    return {
        "media_id": to_uuid(media_id),
        "type": media.kind,
        "url": path_of(media_id, media.file),
        "thumbnails": {
            it.name: {"url": path_of(media_id, it.file), "width": it.width, "height": it.height} for it in thumbnails
        },
        "width": media.width,
        "height": media.height,
        "alt_text": media.alt_text,
        "blurhash": media.blurhash,
        "duration": media.duration_ms / 1000 if media.duration_ms else None,
        "poster": {"url": path_of(media_id, media.poster)} if media.poster else None,
    }
