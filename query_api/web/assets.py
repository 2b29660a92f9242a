"""The files of the pages, read once: with their digests and gzipped, ready to be sent.

Scripts and styles stand below `/assets/<version>/`, where the version is a digest of them all: a browser keeps them for
good, and modules that name each other relatively are always of one version.
"""

from __future__ import annotations

import gzip
import hashlib
from html import escape
from importlib.resources import files
from typing import NamedTuple

from infra.look import STYLE, style

FOLDER = "static"
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""File name's end → media type: what is none of these is not served."""

_PARTS = ("_head", "_around")  # what all documents have
_LEVEL = 9  # done once, at start
_VERSION_CHARS = 12


class Asset(NamedTuple):
    """One file as it is sent."""

    media_type: str
    plain: bytes
    gzipped: bytes
    etag: str


class Assets:
    """All files by name; documents (`*.html`) are templates, the others are sent as they are."""

    def __init__(self) -> None:
        found = {it.name: it.read_bytes() for it in files(__package__).joinpath(FOLDER).iterdir()}
        found[STYLE] = style()
        known = {name: content for name, content in sorted(found.items()) if _ending(name) in TYPES}
        self._documents = {name: text.decode() for name, text in known.items() if _ending(name) == "html"}
        sent = {name: content for name, content in known.items() if name not in self._documents}
        self.version = _digest(b"".join(sent.values()))
        self._files = {name: _asset(TYPES[_ending(name)], content) for name, content in sent.items()}

    def file(self, name: str) -> Asset | None:
        """Return a script, a style sheet or a picture."""
        return self._files.get(name)

    def document(self, name: str, commands_url: str, media_url: str = "") -> Asset:
        """Return a page, with what it has to know: where its assets and media are, and who takes commands."""
        text = self._documents[name]
        for part in _PARTS:
            text = text.replace(f"{{{{{part}}}}}", self._documents[f"{part}.html"])
        text = text.replace("{{version}}", self.version).replace("{{commands}}", escape(commands_url))
        text = text.replace("{{media}}", escape(media_url))
        return _asset(TYPES["html"], text.encode())


def _asset(media_type: str, content: bytes) -> Asset:
    return Asset(media_type, content, gzip.compress(content, _LEVEL, mtime=0), f'"{_digest(content)}"')


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_VERSION_CHARS]
