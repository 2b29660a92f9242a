"""HTTP: what became of an upload, and the files that are shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Response
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.http.middleware import Bounds
from infra.http.problems import Problem
from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from infra.media.kinds import SERVED_TYPES
from infra.objects.port import ObjectError
from query_api.media import files, response, rules
from query_api.media.shapes import Upload
from query_api.openapi import API, describe
from query_api.reading import Reading, Reads
from schemas.ids import from_uuid
from schemas.media.paths import FILE, FILES, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from infra.settings import Settings

router = APIRouter(route_class=DirectRoute, tags=["media"])
log = logging.getLogger(__name__)

OwnReading = Annotated[Reading, Depends(Reads("media", signed_in=True))]
FileReading = Annotated[Reading, Depends(Reads("media"))]
MediaIdPath = Annotated[str, Path(description="The id of an upload.", json_schema_extra={"format": "uuid"})]
FileName = Annotated[str, Path(description="The name of a file, as an answer had it.")]


@router.get(
    f"{API}/media/{{media_id}}",
    dependencies=[limited(RateClass.READ)],
    **describe(Upload, "media_not_found", signed_in=True),
)
async def upload(reading: OwnReading, media_id: MediaIdPath) -> Response:
    """Return what became of an upload of the viewer's own."""
    media = reading.readers.media.many([from_uuid(media_id) or 0]).get(from_uuid(media_id) or 0)
    if media is None or not rules.is_told(media, reading.viewer_id):
        raise Problem("media_not_found", param="media_id", headers=reading.headers)
    return reading.answer(reading.readers.located.body(response.upload(media)))


@router.get(f"{FILES}{{media_id}}/{{file}}", dependencies=[limited(RateClass.OPEN)], include_in_schema=False)
async def file(request: Request, reading: FileReading, media_id: MediaIdPath, file: FileName) -> Response:
    """Return a file that is shown, or a part of it."""
    services, number = reading.services, from_uuid(media_id)
    if services.objects is None or number is None or FILE.fullmatch(file) is None:
        raise Problem("media_not_found")
    content_type = SERVED_TYPES.get(file.rpartition(".")[2])
    media = reading.readers.media.many([number]).get(number)
    use = reading.readers.media.uses([number]).get(number, rules.UNUSED)
    if content_type is None or not rules.is_shown(media, use, file, reading.readers.standings.gone):
        raise Problem("media_not_found")
    try:
        found = await files.answer(request, services.objects, key_of(number, file), content_type, f'"{file[:64]}"')
    except ObjectError as error:
        log.warning("a file cannot be read: %s", error)
        raise Problem("not_ready", "the store of media does not answer") from error
    if found is None:
        raise Problem("media_not_found")
    return found


def wider(settings: Settings) -> Callable[[Scope], Bounds | None]:
    """Return what tells the bounds of files: a slow reader of a video takes a while."""
    bounds = Bounds(settings.max_body_bytes, settings.media_upload_timeout_s)

    def of(scope: Scope) -> Bounds | None:
        return bounds if scope["path"].startswith(FILES) else None

    return of
