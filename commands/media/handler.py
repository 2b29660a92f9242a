"""Decides about media: what may be uploaded, described and attached, and what happened then. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.media.answer import media_answer, processing
from infra.media.kinds import MAX_ALT_CHARS
from projections.media.read_model import State
from schemas.catalogue import MEDIA
from schemas.media.events import MediaDescribed, MediaUploaded
from schemas.media.paths import path_of
from schemas.tweets.events import AttachedThumbnail, Attachment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commands.decision import Stamp
    from commands.media.command import Describe, Upload
    from commands.media.found import MediaFound
    from projections.media.read_model import Media

MAX_IMAGES, MAX_VIDEOS = 4, 1
VIDEO = "video"
_INVALID = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_thumbnails = msgspec.json.Decoder(list[AttachedThumbnail])


def check_alt_text(text: str) -> str:
    """Return the text as it will be kept; refuses one that is too long, or cannot be stored."""
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > MAX_ALT_CHARS or _INVALID.search(text):
        detail = f"alt_text has at most {MAX_ALT_CHARS} characters and no control characters."
        raise CommandRefusedError("alt_text_invalid", detail, "alt_text")
    return text


def upload(command: Upload, stamp: Stamp) -> Decision:
    """Say that all its bytes are there."""
    sent = command.content_type, command.size, command.sha256, command.alt_text
    event = MediaUploaded(stamp.envelope(), command.media_id, command.owner_id, *sent)
    answer = processing(command.media_id, command.content_type, command.alt_text)
    return Decision(answer, (event,), status=201)


def describe(command: Describe, found: MediaFound, stamp: Stamp, media_url: str) -> Decision:
    """Say what is to be seen, as long as no tweet has it: a tweet says so itself."""
    media = _known(found, "media_id")
    if found.taken:
        raise CommandRefusedError("media_in_use", param="media_id")
    answer = media_answer(media._replace(alt_text=command.alt_text), media_url)
    if media.alt_text == command.alt_text:
        return Decision(answer, concerns=(Concern(MEDIA, command.owner_id),))
    return Decision(answer, (MediaDescribed(stamp.envelope(), *command),))


def check_attachable(found: Sequence[MediaFound], param: str = "media_ids") -> list[Media]:
    """Return what may be attached; refuses what is another's, not ready, attached already, or too much at once."""
    media = [_ready(it, param) for it in found]
    videos = sum(it.kind == VIDEO for it in media)
    if videos > MAX_VIDEOS or (videos and len(media) > videos):
        raise CommandRefusedError("media_mixed", param=param)
    return media


def check_picture(found: MediaFound, param: str) -> Media:
    """Return what may be a profile's picture or banner."""
    media = _ready(found, param)
    if media.kind == VIDEO:
        raise CommandRefusedError("media_mixed", "A profile shows images.", param)
    return media


def profile_url(media: Media, slot: str) -> str:
    """Return the path of the size that a profile shows: its picture is small, its banner wide."""
    size = "medium" if slot == "profile_image_id" else "large"
    file = next(it.file for it in _thumbnails.decode(media.thumbnails) if it.name == size)
    return path_of(media.media_id, file)


def attachment(media: Media) -> Attachment:
    """Return what a tweet says of what it has."""
    return Attachment(
        media.media_id,
        media.kind,
        media.file,
        media.served_type,
        media.width,
        media.height,
        media.duration_ms,
        media.blurhash,
        media.alt_text,
        media.poster,
        _thumbnails.decode(media.thumbnails),
    )


def _known(found: MediaFound, param: str) -> Media:
    if found.media is None or found.media.collected_at_ms:
        raise CommandRefusedError("media_unknown", param=param)
    return found.media


def _ready(found: MediaFound, param: str) -> Media:
    media = _known(found, param)
    if media.state == State.FAILED:
        raise CommandRefusedError("media_failed", f"It failed: {media.reason}.", param)
    if media.state != State.READY:
        raise CommandRefusedError("media_not_ready", param=param)
    if found.taken:
        raise CommandRefusedError("media_in_use", param=param)
    return media
