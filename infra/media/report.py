"""What the decoding child says of a file: written by it, read with distrust by whoever asked."""

from __future__ import annotations

from typing import Annotated

import msgspec

from infra.media import kinds

MAX_REPORT_BYTES = 4_096
SLOTS = ("served", "poster", *(name for name, _ in kinds.THUMBNAILS))
"""The files that the child may write, in the order in which it is given them."""

Pixels = Annotated[int, msgspec.Meta(ge=1, le=kinds.MAX_SIDE)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=kinds.MAX_DURATION_MS + kinds.DURATION_SLACK_MS)]
BlurHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,100}$")]


class Written(msgspec.Struct, forbid_unknown_fields=True):
    """A file that the child wrote into its slot."""

    slot: str
    content_type: str
    width: Pixels
    height: Pixels


class Report(msgspec.Struct, forbid_unknown_fields=True):
    """What a file is, or why it is refused: then `failed` is a code, and nothing else is said."""

    failed: str = ""
    kind: str = ""
    duration_ms: Milliseconds = 0
    blurhash: BlurHash | None = None
    written: Annotated[list[Written], msgspec.Meta(max_length=len(SLOTS))] = []


class RefusedError(Exception):
    """The file cannot be what it should be; the message is the code."""


NOT_DECODABLE = "not_decodable"
TOO_MANY_PIXELS = "too_many_pixels"
TOO_LONG = "too_long"
CODEC_UNSUPPORTED = "codec_unsupported"
TOO_EXPENSIVE = "too_expensive"
"""It took more memory or time than is allowed."""
CODES = (NOT_DECODABLE, TOO_MANY_PIXELS, TOO_LONG, CODEC_UNSUPPORTED, TOO_EXPENSIVE)
