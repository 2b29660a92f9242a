"""Facts about uploaded images and videos; topic `media`, key: the owner's user_id.

Bytes are in the object store: what was sent under `uploads/<media_id>` until it is ready or has failed, what is served
under `media/<media_id>/<file>` (ids as UUIDs), where a file's name is the SHA-256 of its bytes and its suffix.
"""

from __future__ import annotations

import msgspec

from schemas.envelope import Event

ERASED = "erased"
"""Why media are collected whose owner was erased."""


class Thumbnail(msgspec.Struct, frozen=True):
    """A smaller picture: `name` is small, medium or large; WebP, of `width` times `height` pixels."""

    name: str
    file: str
    width: int
    height: int


class MediaUploaded(Event, frozen=True):
    """All bytes of an image or a video are in the object store; nobody has looked into them but at their beginning."""

    media_id: int
    owner_id: int
    content_type: str
    size: int
    sha256: str
    alt_text: str = ""
    sealed: bytes = b""


class MediaReady(Event, frozen=True):
    """It was decoded: this is what is served of it, without metadata. `duration_ms` and `poster` are a video's."""

    media_id: int
    owner_id: int
    kind: str
    file: str
    content_type: str
    size: int
    width: int
    height: int
    blurhash: str
    duration_ms: int = 0
    poster: str = ""
    thumbnails: list[Thumbnail] = []
    sealed: bytes = b""


class MediaFailed(Event, frozen=True):
    """It cannot be decoded, or is more than is allowed; `reason` is a code."""

    media_id: int
    owner_id: int
    reason: str


class MediaDescribed(Event, frozen=True):
    """The owner said what is to be seen, for those who cannot see it."""

    media_id: int
    owner_id: int
    alt_text: str
    sealed: bytes = b""


class MediaCollected(Event, frozen=True):
    """Nobody is shown it any more: its bytes are deleted. `reason`: unattached, deleted, replaced, failed or erased."""

    media_id: int
    owner_id: int
    reason: str
