"""Present: an upload as bytes, and an address in front of the paths of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from infra.media.kinds import ACCEPTED
from infra.media.shown import shown
from projections.media.read_model import State
from query_api.media.rules import thumbnails_of
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from projections.media.read_model import Media

_STATUS = {State.PROCESSING: "processing", State.READY: "ready", State.FAILED: "failed"}
_NOTHING = dict.fromkeys(("url", "thumbnails", "width", "height", "blurhash", "duration", "poster"))


def upload(media: Media) -> bytes:
    """Return what became of an upload."""
    members: dict[str, Any] = {
        "media_id": to_uuid(media.media_id),
        "type": "video" if ACCEPTED[media.content_type].video else "image",
        "status": _STATUS[State(media.state)],
        "alt_text": media.alt_text,
        **_NOTHING,
        "reason": media.reason or None,
    }
    if media.state == State.READY:
        members |= shown(media, thumbnails_of(media))
    return orjson.dumps(members)
