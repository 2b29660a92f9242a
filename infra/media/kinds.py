"""What is accepted and what is served: media types told by their first bytes, and every limit, with its reason."""

from __future__ import annotations

from typing import Final, NamedTuple

HEAD_BYTES = 64
"""From a file's beginning, all that `sniffed` looks at."""

MAX_IMAGE_BYTES = 5 << 20
MAX_VIDEO_BYTES = 500 << 20
MAX_PIXELS = 40_000_000  # 160 MB decoded, with transparency; looked at before anything is decoded
MAX_SIDE = 16_383  # the most that WebP can hold
MAX_FRAME_PIXELS = 4096 * 2304  # of a video: 4K, 14 MB a frame
MAX_MOVING_PIXELS = 100_000_000  # of all frames of a GIF: some ten seconds of CPU
MAX_DURATION_MS = 120_000
DURATION_SLACK_MS = 500  # a recorder that stops at two minutes is some frames late
MAX_ALT_CHARS = 1_000
SERVED_SIDE = 4_096  # what is larger is served smaller
THUMBNAILS: Final = (("small", 340), ("medium", 680), ("large", 1_200))
"""Name → longest side in pixels; none is larger than its original."""


class Kind(NamedTuple):
    """A media type that is accepted, and the one it is served as."""

    video: bool
    served: str


ACCEPTED: dict[str, Kind] = {
    "image/jpeg": Kind(video=False, served="image/jpeg"),
    "image/png": Kind(video=False, served="image/png"),
    "image/webp": Kind(video=False, served="image/webp"),
    "image/gif": Kind(video=False, served="image/webp"),
    "image/avif": Kind(video=False, served="image/webp"),
    "video/mp4": Kind(video=True, served="video/mp4"),
    "video/quicktime": Kind(video=True, served="video/mp4"),
    "video/webm": Kind(video=True, served="video/webm"),
}
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "video/mp4": "mp4", "video/webm": "webm"}
"""Media type → suffix of everything that is served: nothing else ever is."""
SERVED_TYPES = {suffix: content_type for content_type, suffix in SUFFIXES.items()}

_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash"), "video/mp4"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"mmp4", b"3gp4", b"3gp5"), "video/mp4"),
}
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip")  # what a QuickTime file of before `ftyp` begins with
_EBML = b"\x1aE\xdf\xa3"


def sniffed(head: bytes) -> str | None:
    """Return the accepted media type that the first bytes are of, or None."""
    for beginning, content_type in _BEGINNINGS.items():
        if head.startswith(beginning):
            return content_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head else None
    if head[4:8] == b"ftyp":
        return _branded(head)
    return "video/quicktime" if head[4:8] in _BOXES else None


def _branded(head: bytes) -> str | None:
    """Return the type of an ISO file by its major brand, or else by the first of the others that is known."""
    size = min(int.from_bytes(head[:4]), len(head))
    brands = (head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4)))
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)


def max_bytes(content_type: str) -> int:
    """Return how many bytes a file of an accepted type may have."""
    return MAX_VIDEO_BYTES if ACCEPTED[content_type].video else MAX_IMAGE_BYTES
