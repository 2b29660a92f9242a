"""`python -m commands media gc`: an operator has collected what nothing has, beside the processes that run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commands.bootstrap import open_services
from commands.media.collector import Collector
from infra.trouble import TroubleError
from schemas.ids import to_uuid

if TYPE_CHECKING:
    import argparse

    from commands.services import Services
    from infra.settings import Settings


def add_arguments(verbs: Any) -> None:
    """Describe the verb to the command line of the process."""
    media: argparse.ArgumentParser = verbs.add_parser("media", help="collect media that nothing has")
    media.add_argument("what", choices=("gc",))
    media.add_argument("--days", type=int, default=7)
    media.add_argument("--dry-run", action="store_true")


async def run(settings: Settings, given: argparse.Namespace) -> None:
    """Collect, or say what would be collected; raises TroubleError."""
    services, close = open_services(settings)
    said: list[dict[str, Any]] = []
    try:
        await services.run(_run(services, given, said))
    finally:
        close()
    print(json.dumps(said[0]))  # noqa: T201 - a command's output


async def _run(services: Services, given: argparse.Namespace, said: list[dict[str, Any]]) -> None:
    if services.media is None:
        raise TroubleError("no object store is named", "name one in MURMURATION_OBJECTS_URL")
    found = await Collector(services).round(days=given.days, dry_run=given.dry_run, thorough=True)
    if found.behind:
        raise TroubleError("the read model of media has not caught up", "see `murmur status`, and try again")
    media = [{"media_id": to_uuid(it.media_id), "reason": it.reason} for it in found.media]
    said.append({"dry_run": given.dry_run, "media": media, "objects": list(found.objects)})
