"""Images and videos made for tests: small, from numbers, by the libraries that decode them."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from typing import Any

import av
from PIL import Image

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
}
PLACE = b"GPS-48.8584N-2.2945E"
"""Stands in the metadata of every picture that has any."""


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A picture whose left half is red and whose right half is blue, with some noise so that it takes room."""
    noise = Image.effect_noise((width, height), 32).convert(mode)
    left = Image.new(mode, (width // 2, height), (220, 40, 40) if mode == "RGB" else (220, 40, 40, 128))
    right = Image.new(mode, (width - width // 2, height), (40, 40, 220) if mode == "RGB" else (40, 40, 220, 255))
    ground = Image.new(mode, (width, height))
    ground.paste(left, (0, 0))
    ground.paste(right, (width // 2, 0))
    return Image.blend(ground, noise, 0.1)


def encoded(image: Image.Image, content_type: str = "image/jpeg", **more: Any) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, FORMATS[content_type], **more)
    return file.getvalue()


@cache
def image_file(content_type: str = "image/jpeg", width: int = 64, height: int = 48) -> bytes:
    """A small file of a type."""
    return encoded(picture(width, height), content_type)


def with_metadata(orientation: int = 1) -> bytes:
    """A JPEG that says where it was taken, by which device, and how it is to be turned."""
    image = picture()
    exif = image.getexif()
    exif[0x0112], exif[0x010F], exif[0x013B] = orientation, "Secret Camera", "Secret Artist"
    exif.get_ifd(0x8825)[29] = PLACE.decode()
    return encoded(image, exif=exif, comment=PLACE)


@cache
def moving(frames: int = 4) -> bytes:
    """A GIF that moves."""
    pictures = [picture(32 + 0 * at, 24).quantize(16) for at in range(frames)]
    return encoded(pictures[0], "image/gif", save_all=True, append_images=pictures[1:], duration=100, loop=0)


def photograph() -> bytes:
    """A JPEG of 12 megapixels and some 4.5 MB."""
    return encoded(Image.effect_noise((4_000, 3_000), 40).convert("RGB"), quality=63)


def large_video(size: int) -> bytes:
    """A video of at least so many bytes, which are all its pictures': the same noise, again and again."""
    file = io.BytesIO()
    container: Any = av.open(file, "w", format="mp4")
    with container:
        stream = container.add_stream(
            "libx264", rate=10, options={"preset": "ultrafast", "crf": "0", "tune": "zerolatency"}
        )
        stream.width, stream.height, stream.pix_fmt = 1_280, 960, "yuv420p"
        frame: Any = av.VideoFrame
        noise = frame.from_image(Image.effect_noise((1_280, 960), 80).convert("RGB"))
        [first] = [bytes(it) for it in [*stream.encode(noise), *stream.encode()]]
        for at in range(size // len(first) + 1):
            packet = av.Packet(first)
            packet.pts = packet.dts = at
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 10), stream, True
            container.mux(packet)
    return file.getvalue()


@cache
def video_file(
    form: str = "mp4", codec: str = "libx264", seconds: float = 1.0, width: int = 64, height: int = 48
) -> bytes:
    """A video, of ten pictures a second, that says where it was taken."""
    file = io.BytesIO()
    container: Any = av.open(file, "w", format=form)
    with container:
        container.metadata["title"] = PLACE.decode()
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for at in range(int(seconds * 10)):
            image = Image.new("RGB", (width, height), (at * 20 % 255, 100, 50))
            frame: Any = av.VideoFrame
            container.mux(stream.encode(frame.from_image(image)))
        container.mux(stream.encode())
    return file.getvalue()
