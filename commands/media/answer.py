"""What the callers of media commands are told, and send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from commands.fields import Id
from infra.media.kinds import ACCEPTED
from infra.media.shown import shown
from projections.media.read_model import State
from schemas.ids import to_uuid
from schemas.media.events import Thumbnail

if TYPE_CHECKING:
    from projections.media.read_model import Media
    from schemas.tweets.events import Attachment

MAX_SENT_ALT = 8_192  # the length that matters is checked by the handler, which names it

Url = Annotated[str, msgspec.Meta(description="Below the query API's address, unless `media_url` is set.")]
Type = Literal["image", "gif", "video"]
_thumbnails = msgspec.json.Decoder(list[Thumbnail])


class ThumbnailAnswer(msgspec.Struct):
    """A smaller picture, WebP."""

    url: Url
    width: int
    height: int


class PosterAnswer(msgspec.Struct):
    """A video's still picture, WebP."""

    url: Url


class ThumbnailsAnswer(msgspec.Struct):
    """At most 340, 680 and 1,200 pixels on the longest side; none is larger than the original."""

    small: ThumbnailAnswer
    medium: ThumbnailAnswer
    large: ThumbnailAnswer


class ShownAnswer(msgspec.Struct, kw_only=True):
    """An image or a video as it is shown; `duration` in seconds."""

    media_id: Id
    type: Type
    url: Url
    thumbnails: ThumbnailsAnswer
    width: int
    height: int
    alt_text: str
    blurhash: str
    duration: float | None = None
    poster: PosterAnswer | None = None


class MediaAnswer(msgspec.Struct, kw_only=True):
    """An upload: `url` and what follows are there when it is ready, `reason` when it has failed."""

    media_id: Id
    type: Type
    status: Literal["processing", "ready", "failed"]
    alt_text: str
    url: Url | None = None
    thumbnails: ThumbnailsAnswer | None = None
    width: int | None = None
    height: int | None = None
    blurhash: str | None = None
    duration: float | None = None
    poster: PosterAnswer | None = None
    reason: str | None = None


class DescribeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be seen, for those who cannot see it: at most 1,000 characters."""

    alt_text: Annotated[str, msgspec.Meta(max_length=MAX_SENT_ALT)]
    user_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None


def processing(media_id: int, content_type: str, alt_text: str) -> MediaAnswer:
    """Return an upload of which nothing more is known yet."""
    kind: Type = "video" if ACCEPTED[content_type].video else "image"
    return MediaAnswer(media_id=to_uuid(media_id), type=kind, status="processing", alt_text=alt_text)


def media_answer(media: Media, media_url: str) -> MediaAnswer:
    """Return an upload as its owner is told."""
    answer = processing(media.media_id, media.content_type, media.alt_text)
    if media.state == State.FAILED:
        answer.status, answer.reason = "failed", media.reason
    elif media.state == State.READY:
        members = located(shown(media, _thumbnails.decode(media.thumbnails)), media_url)
        return msgspec.convert({**members, "status": "ready"}, MediaAnswer)
    return answer


def shown_answer(attachment: Attachment, media_url: str) -> ShownAnswer:
    """Return what a tweet has as it is shown."""
    return msgspec.convert(located(shown(attachment, attachment.thumbnails), media_url), ShownAnswer)


def located(members: dict[str, object], media_url: str) -> dict[str, object]:
    """Return the members with an address in front of their paths."""
    if not media_url:
        return members
    found: dict[str, object] = {}
    for name, value in members.items():
        if isinstance(value, dict):
            found[name] = located(value, media_url)
        else:
            found[name] = f"{media_url}{value}" if name == "url" else value
    return found
