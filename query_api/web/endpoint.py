"""HTTP: the pages and their files. Nothing here reads a read model; browsers ask the API as anybody does."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from query_api.web.assets import Asset, Assets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.settings import Settings
    from query_api.bootstrap import Services

router = APIRouter(dependencies=[limited(RateClass.OPEN)], include_in_schema=False)

FEED = "feed.html"
PAGES = {
    "/": FEED,
    "/search": FEED,
    "/notifications": FEED,
    "/bookmarks": FEED,
    "/settings": FEED,
    "/moderation": FEED,
    "/appeal": FEED,
    "/@{name}": FEED,
    "/tweets/{tweet_id}": FEED,
    "/trends": "trends.html",
    "/pipeline": "pipeline.html",
}
"""Path → document. The feed's script reads the path; so its addresses can be opened, kept and sent to others."""

HOSTS_KEPT = 64
NOT_CHANGED = 304
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?")
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"  # keep it, but ask whether it is still so


def policy(commands_origin: str, media_url: str = "") -> str:
    """Return the Content-Security-Policy of a page: nothing from elsewhere, nothing inline, no HTML out of strings.

    Images and videos are of the page's own origin too, and of the CDN where media have one.
    """
    media = f"; img-src 'self' {media_url}; media-src 'self' {media_url}" if media_url else ""
    return (
        f"default-src 'self'; connect-src 'self' {commands_origin}".rstrip()
        + media
        + "; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        + "; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def commands_url(settings: Settings, host: str) -> str:
    """Return where a page that was asked for under a `Host` finds the command API; empty: at its own origin."""
    if settings.public_commands_url:
        return settings.public_commands_url.rstrip("/")
    named = _HOST.fullmatch(host)
    return f"http://{named[1] if named else settings.host}:{settings.commands_port}"


async def page(request: Request) -> Response:
    """Return the page of a path."""
    services: Services = request.app.state.services
    where = commands_url(services.settings, request.headers.get("host", ""))
    media = services.settings.media_url
    asset = _document(PAGES[request.scope["route"].path], where, media)
    headers = {
        "Content-Security-Policy": policy(_origin(where), _origin(media)),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": _ASK_AGAIN,
        "Vary": "Accept-Encoding, Host",
    }
    return _answer(request, asset, headers)


for path in PAGES:
    router.add_api_route(path, page)


@router.get("/assets/{version}/{name}")
async def file(request: Request, version: str, name: str) -> Response:
    """Return a file; of another version the present one, which is not kept."""
    asset = _assets().file(name)
    if asset is None:
        raise Problem("route_not_found")
    kept = _FOREVER if version == _assets().version else _ASK_AGAIN
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding", "Cross-Origin-Resource-Policy": "same-origin"}
    return _answer(request, asset, headers)


def _answer(request: Request, asset: Asset, headers: Mapping[str, str]) -> Response:
    said = {**headers, "ETag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=NOT_CHANGED, headers=said)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.gzipped, headers={**said, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.plain, headers=said, media_type=asset.media_type)


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


@lru_cache(maxsize=1)
def _assets() -> Assets:
    return Assets()


@lru_cache(maxsize=HOSTS_KEPT)
def _document(name: str, where: str, media_url: str) -> Asset:
    return _assets().document(name, where, media_url)
