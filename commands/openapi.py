"""Prints the OpenAPI document of the command API: `python -m commands.openapi > tests/contract/openapi/commands.json`.

Made without opening anything: the routes alone say it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import orjson

from commands.app import create_app
from infra.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


class _NoServices:
    """Stands where a request would look for services; describing the routes asks for the settings only."""

    settings = Settings.model_construct(**{name: field.default for name, field in Settings.model_fields.items()})
    verifier = None
    rate_limits = None


def bare_app() -> FastAPI:
    """Return the app with its routes, which can serve none of them."""
    return create_app(cast("Any", _NoServices()))


def document() -> dict[str, Any]:
    """Return the document."""
    return bare_app().openapi()


def render() -> bytes:
    """Return the document as it is kept."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    sys.stdout.buffer.write(render())
