"""The shapes of media, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal
from uuid import UUID  # noqa: TC003 - pydantic reads the annotation

from query_api.openapi import Shape


class Thumbnail(Shape):
    """A smaller picture, WebP; its `url` is a path of this API, unless an address is set for media."""

    url: str
    width: int
    height: int


class Thumbnails(Shape):
    """At most 340, 680 and 1,200 pixels on the longest side; none is larger than the original."""

    small: Thumbnail
    medium: Thumbnail
    large: Thumbnail


class Poster(Shape):
    """A video's still picture, WebP."""

    url: str


class Media(Shape):
    """An image, a moving image (gif) or a video; `duration`, in seconds, and `poster` are a video's."""

    media_id: UUID
    type: Literal["image", "gif", "video"]
    url: str
    thumbnails: Thumbnails
    width: int
    height: int
    alt_text: str
    blurhash: str
    duration: float | None
    poster: Poster | None


class Upload(Shape):
    """What became of an upload: `url` and what follows are there when it is ready, `reason` when it has failed."""

    media_id: UUID
    type: Literal["image", "gif", "video"]
    status: Literal["processing", "ready", "failed"]
    alt_text: str
    url: str | None
    thumbnails: Thumbnails | None
    width: int | None
    height: int | None
    blurhash: str | None
    duration: float | None
    poster: Poster | None
    reason: Literal["not_decodable", "too_many_pixels", "too_long", "codec_unsupported", "too_expensive", "lost"] | None
