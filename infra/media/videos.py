"""Looks into a video, and packs it anew. Runs in the decoding child alone.

Guarantee: what is written has at most one video and one audio track, of codecs that browsers know, packet by packet as
they came, and none of the file's metadata (places, times, devices); its length is that of its packets, not of its word.
"""

from __future__ import annotations

import importlib
import pkgutil
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import av

from infra.media import images, kinds
from infra.media.report import (
    CODEC_UNSUPPORTED,
    NOT_DECODABLE,
    TOO_LONG,
    TOO_MANY_PIXELS,
    RefusedError,
    Report,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from PIL import Image

DEMUXERS = {"video/mp4": "mov", "video/quicktime": "mov", "video/webm": "matroska"}
MUXERS = {"video/mp4": "mp4", "video/webm": "webm"}
VIDEO_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9"})
AUDIO_CODECS = frozenset({"aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis"})
_QUARTER = 90


class _Size(NamedTuple):
    width: int
    height: int


def prepare() -> None:
    """Load whatever is loaded at first use: in the child nothing can be opened any more."""
    av.logging.set_level(None)
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    blank: Any = av.VideoFrame(16, 16, "yuv420p")
    blank.to_image(threads=1)


def decode(source: BinaryIO, content_type: str, outputs: Mapping[str, BinaryIO]) -> Report:
    """Write what is served, a poster and its thumbnails; raises RefusedError."""
    try:
        with av.open(source, "r", format=DEMUXERS[content_type]) as container:
            return _decode(container, kinds.ACCEPTED[content_type].served, outputs)
    except (RefusedError, MemoryError):
        raise
    except Exception as error:  # the library raises anything on bad bytes
        raise RefusedError(NOT_DECODABLE) from error


def _decode(container: Any, served: str, outputs: Mapping[str, BinaryIO]) -> Report:
    if not container.streams.video:
        raise RefusedError(NOT_DECODABLE)
    video = container.streams.video[0]
    _check(video)
    still = _still(container, video)
    written, blurred = images.poster_of(still, outputs)
    container.seek(0)
    duration_ms = _packed(container, video, served, outputs["served"])
    whole = Written("served", served, *_Size(still.width, still.height))
    return Report(kind="video", duration_ms=duration_ms, blurhash=blurred, written=[whole, *written])


def _check(video: Any) -> None:
    if video.codec_context.name not in VIDEO_CODECS:
        raise RefusedError(CODEC_UNSUPPORTED)
    width, height = video.codec_context.width, video.codec_context.height
    if width < 1 or height < 1:
        raise RefusedError(NOT_DECODABLE)
    if width * height > kinds.MAX_FRAME_PIXELS or max(width, height) > kinds.MAX_SIDE:
        raise RefusedError(TOO_MANY_PIXELS)
    if video.duration is not None and video.duration * video.time_base > _longest():
        raise RefusedError(TOO_LONG)


def _longest() -> Fraction:
    return Fraction(kinds.MAX_DURATION_MS + kinds.DURATION_SLACK_MS, 1000)


def _still(container: Any, video: Any) -> Image.Image:
    """Return the picture at a tenth of the video, or the first that can be decoded, turned as it is to be seen."""
    video.thread_type = "NONE"
    video.codec_context.thread_count = 1
    if video.duration:
        container.seek((video.start_time or 0) + video.duration // 10, stream=video)
    frame = next(container.decode(video), None)
    if frame is None:
        container.seek(0)
        frame = next(container.decode(video))
    images.check_size(frame.width, frame.height)
    picture: Image.Image = frame.to_image(threads=1)
    turned = int(frame.rotation) % (4 * _QUARTER)
    return picture.rotate(turned, expand=True) if turned % _QUARTER == 0 and turned else picture


def _packed(container: Any, video: Any, served: str, output: BinaryIO) -> int:
    """Copy the packets; return the length in milliseconds."""
    sound = next((it for it in container.streams.audio if it.codec_context.name in AUDIO_CODECS), None)
    wanted = [video] if sound is None else [video, sound]
    longest, last = _longest(), Fraction(0)
    with av.open(output, "w", format=MUXERS[served], options={"fflags": "+bitexact"}) as packed:
        of = {it.index: packed.add_stream_from_template(it, opaque=True) for it in wanted}
        for it in of.values():
            it.metadata.clear()
        start: dict[int, Fraction] = {}
        for packet in container.demux(wanted):
            if packet.dts is None or packet.size == 0:
                continue
            at = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
            began = start.setdefault(packet.stream.index, at)
            last = max(last, at - began + (packet.duration or 0) * packet.time_base)
            if last > longest:
                raise RefusedError(TOO_LONG)
            packet.stream = of[packet.stream.index]
            packed.mux(packet)
    if not start:
        raise RefusedError(NOT_DECODABLE)
    return int(last * 1000)
