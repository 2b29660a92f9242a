"""Decodes an image and makes what is served of it. Runs in the decoding child alone.

Guarantee: dimensions are looked at before anything is decoded; what is written was encoded anew from pixels, turned as
the picture is meant to be seen, and carries no metadata: not a byte of the file goes through.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from PIL import AvifImagePlugin, Image, ImageCms, ImageFile, ImageOps

from infra.media import kinds
from infra.media.blurhash import blurhash
from infra.media.report import NOT_DECODABLE, TOO_MANY_PIXELS, RefusedError, Report, Written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
}
_SAVED: Mapping[str, dict[str, Any]] = {
    "JPEG": {"quality": 88},
    "PNG": {"compress_level": 6},
    "WEBP": {"quality": 85, "method": 2},
}
_THUMBNAIL = {"quality": 78, "method": 2}
_MOVING = {"quality": 75, "method": 0}
_BLUR_SIDE = 32

Image.MAX_IMAGE_PIXELS = None  # ours is looked at before
ImageFile.LOAD_TRUNCATED_IMAGES = False
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
_SRGB = ImageCms.createProfile("sRGB")


def prepare() -> None:
    """Load whatever is loaded at first use: in the child nothing can be opened any more."""
    Image.init()
    ImageCms.ImageCmsProfile(_SRGB)


def decode(source: BinaryIO, content_type: str, outputs: Mapping[str, BinaryIO]) -> Report:
    """Write what is served and its thumbnails; raises RefusedError."""
    warnings.simplefilter("ignore")
    try:
        with Image.open(source, formats=(FORMATS[content_type],)) as image:
            check_size(*image.size)
            if frames := _frames(image):
                return _moving(image, frames, outputs)
            return _still(image, kinds.ACCEPTED[content_type].served, outputs)
    except (RefusedError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything on bad bytes
        raise RefusedError(NOT_DECODABLE) from error


def check_size(width: int, height: int) -> None:
    """Refuse more pixels than are decoded."""
    if width < 1 or height < 1:
        raise RefusedError(NOT_DECODABLE)
    if width * height > kinds.MAX_PIXELS or max(width, height) > kinds.MAX_SIDE:
        raise RefusedError(TOO_MANY_PIXELS)


def _frames(image: Image.Image) -> int:
    """Return how many frames move; 0 for a still. Only GIF and WebP are shown moving."""
    if image.format not in {"GIF", "WEBP"} or not getattr(image, "is_animated", False):
        return 0
    return int(getattr(image, "n_frames", 0))


def _still(image: Image.Image, served: str, outputs: Mapping[str, BinaryIO]) -> Report:
    image.draft("RGB", (kinds.SERVED_SIDE, kinds.SERVED_SIDE))  # a JPEG is decoded at a fraction where that is enough
    image.load()
    upright = _upright(image)
    form = FORMATS[served]
    if form == "JPEG" and upright.mode != "RGB":
        upright = upright.convert("RGB")
    upright.save(outputs["served"], form, **_SAVED[form])
    written = [Written("served", served, *upright.size)]
    return Report(kind="image", blurhash=_blurred(upright), written=written + thumbnails(upright, outputs))


def _upright(image: Image.Image) -> Image.Image:
    """Return the picture in red, green and blue of the usual meaning, turned as it is to be seen, not too large."""
    profile, orientation = image.info.get("icc_profile"), image.getexif()
    transparent = "transparency" in image.info or image.mode.endswith(("A", "a"))
    plain = image.convert("RGBA" if transparent else "RGB") if image.mode not in {"RGB", "RGBA"} else image.copy()
    plain.thumbnail((kinds.SERVED_SIDE, kinds.SERVED_SIDE), reducing_gap=2.0)
    if profile and image.mode in {"RGB", "RGBA"}:
        plain = _in_srgb(plain, profile)
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    if (turn := orientation.get(_ORIENTATION)) is not None:
        bare.getexif()[_ORIENTATION] = turn
        bare = ImageOps.exif_transpose(bare)
        bare.info.clear()
    return bare


_ORIENTATION = 0x0112


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the colours that a profile means; as they are where it cannot be read."""
    try:
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        turned = ImageCms.profileToProfile(
            image.convert("RGB"), ImageCms.ImageCmsProfile(_file(profile)), _SRGB, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if turned is None:
        return image
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _file(content: bytes) -> BinaryIO:
    from io import BytesIO  # noqa: PLC0415

    return BytesIO(content)


def thumbnails(image: Image.Image, outputs: Mapping[str, BinaryIO]) -> list[Written]:
    """Write the smaller pictures, each from the next larger one."""
    written = []
    for name, side in reversed(kinds.THUMBNAILS):
        image = image.copy()
        image.thumbnail((side, side), reducing_gap=2.0)
        image.save(outputs[name], "WEBP", **_THUMBNAIL)
        written.append(Written(name, "image/webp", *image.size))
    return written[::-1]


def _blurred(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((_BLUR_SIDE, _BLUR_SIDE), reducing_gap=2.0)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(ground, small)
    raw = small.convert("RGB").tobytes()
    return blurhash(list(zip(raw[::3], raw[1::3], raw[2::3], strict=True)), small.width)


def poster_of(image: Image.Image, outputs: Mapping[str, BinaryIO]) -> tuple[list[Written], str]:
    """Write a video's still picture and its thumbnails; return them, and its blurred preview."""
    still = image.convert("RGB")
    still.thumbnail((kinds.THUMBNAILS[-1][1],) * 2, reducing_gap=2.0)
    still.save(outputs["poster"], "WEBP", **_SAVED["WEBP"])
    written = [Written("poster", "image/webp", *still.size), *thumbnails(still, outputs)]
    return written, _blurred(still)


def _moving(image: Image.Image, frames: int, outputs: Mapping[str, BinaryIO]) -> Report:
    """Encode all frames anew, one at a time."""
    if frames * image.width * image.height > kinds.MAX_MOVING_PIXELS:
        raise RefusedError(TOO_MANY_PIXELS)
    first = _upright(image)
    if frames == 1:
        first.save(outputs["served"], "WEBP", **_SAVED["WEBP"])
    else:
        image.info.pop("icc_profile", None)
        image.info.pop("exif", None)
        image.info.pop("xmp", None)
        image.save(outputs["served"], "WEBP", save_all=True, exif=b"", xmp=b"", icc_profile=b"", **_MOVING)
    written = [Written("served", "image/webp", *image.size), *thumbnails(first, outputs)]
    return Report(kind="gif" if frames > 1 else "image", blurhash=_blurred(first), written=written)
