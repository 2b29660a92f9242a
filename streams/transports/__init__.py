"""Faust transports that deliver record batches, and their URL schemes."""

from __future__ import annotations

from faust.transport.drivers import TRANSPORTS

SCHEMES = {
    "kafkabatch": "streams.transports.kafkabatch:Transport",
    "sqlog": "streams.transports.sqlog:Transport",
}
"""The same table as the entry points of pyproject.toml, which exist only where the project is installed."""


def register() -> None:
    """Make the schemes known to Faust, also in a checkout that is not installed; a repeat changes nothing."""
    for scheme, transport in SCHEMES.items():
        TRANSPORTS.aliases.setdefault(scheme, transport)
