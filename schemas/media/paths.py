"""Where media are found: the keys of their bytes in the object store, and the paths under which those are served.

An event says a path without a host, so a change of the host (a CDN) touches no event; who answers puts it in front.
"""

from __future__ import annotations

import re

from schemas.ids import from_uuid, to_uuid

FILES = "/media/files/"
"""What the path of every file of ours begins with."""

FILE = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,4}")
_PATH = re.compile(rf"{FILES}([0-9a-f-]{{36}})/{FILE.pattern}")


def upload_key(media_id: int) -> str:
    """Return the key of what was sent, until it is ready or has failed."""
    return f"uploads/{to_uuid(media_id)}"


def prefix_of(media_id: int) -> str:
    """Return what the keys of everything that is served of it begin with."""
    return f"media/{to_uuid(media_id)}/"


def key_of(media_id: int, file: str) -> str:
    """Return the key of a file that is served."""
    return f"{prefix_of(media_id)}{file}"


def path_of(media_id: int, file: str) -> str:
    """Return the path under which a file is served."""
    return f"{FILES}{to_uuid(media_id)}/{file}"


def media_id_of(url: str) -> int | None:
    """Return whose path it is; None for any other URL."""
    match = _PATH.fullmatch(url)
    return match and from_uuid(match[1])
