"""Tells what can be decoded: the extra `media` brings the libraries, and only the decoding process loads them."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def images_installed() -> bool:
    """Tell whether images can be decoded."""
    return find_spec("PIL") is not None


@cache
def videos_installed() -> bool:
    """Tell whether videos can be decoded, too."""
    return images_installed() and find_spec("av") is not None
