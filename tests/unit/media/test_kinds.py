"""What is taken is told by the first bytes alone."""

from __future__ import annotations

import pytest

from infra.media.kinds import ACCEPTED, HEAD_BYTES, MAX_IMAGE_BYTES, MAX_VIDEO_BYTES, SUFFIXES, max_bytes, sniffed
from tests.mutants import archives
from tests.pictures import image_file, video_file


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"])
def test_images_are_known_by_their_beginning(content_type: str) -> None:
    assert sniffed(image_file(content_type)[:HEAD_BYTES]) == content_type


@pytest.mark.parametrize(
    ("form", "codec", "content_type"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "libx264", "video/quicktime"),
        ("webm", "libvpx", "video/webm"),
        ("matroska", "libx264", None),
    ],
)
def test_videos_are_known_by_their_beginning(form: str, codec: str, content_type: str | None) -> None:
    assert sniffed(video_file(form, codec)[:HEAD_BYTES]) == content_type


@pytest.mark.parametrize("content", [b"", b"<svg xmlns=", b"%PDF-1.7", b"MZ\x90", b"#!/bin/sh", *archives()])
def test_nothing_else_is_taken(content: bytes) -> None:
    assert sniffed(content[:HEAD_BYTES]) is None


def test_every_type_is_served_as_one_that_has_a_suffix() -> None:
    assert {kind.served for kind in ACCEPTED.values()} <= set(SUFFIXES)
    assert (max_bytes("image/avif"), max_bytes("video/webm")) == (MAX_IMAGE_BYTES, MAX_VIDEO_BYTES)
