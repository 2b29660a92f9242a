"""Requests about media, as data."""

from __future__ import annotations

from typing import NamedTuple


class Upload(NamedTuple):
    """Keep what was sent: all its bytes are in the object store."""

    media_id: int
    owner_id: int
    content_type: str
    size: int
    sha256: str
    alt_text: str


class Describe(NamedTuple):
    """Say what is to be seen."""

    media_id: int
    owner_id: int
    alt_text: str
