"""Makes the stream process, on files.

What projections are made of on servers is streams.cluster's. Nothing else in streams opens a file or reads a setting.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from infra.projections import placed
from infra.servers.fleet import located
from infra.status import kept
from infra.trouble import TroubleError
from streams.app import collect_garbage_rarely, let_threads_take_turns
from streams.decoded import DecodedBatches
from streams.dlq import Retried, retry
from streams.files import FileParts
from streams.following import Followers, lags
from streams.metrics import StreamMetrics
from streams.metrics_server import served
from streams.processing import bootstrap as processing
from streams.projections import PROJECTIONS
from streams.push.bootstrap import PUSH, is_wanted, open_effects, open_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings import Settings
    from streams.parts import Parts, Projection

logger = logging.getLogger(__name__)

LAG_LINE_SECONDS = 60.0


async def run(settings: Settings, names: Sequence[str], stop: asyncio.Event | None = None) -> None:
    """Run the projections of these names until a signal or `stop`, then let each finish its batch.

    Raises TroubleError, StoreError or AppCrashedError.
    """
    if settings.profile == "cluster":
        settings = located(settings)
    known = kept(settings)
    wanted = [it for it in PROJECTIONS if it.name in names and it.name in known]
    if not wanted:
        raise TroubleError(f"{', '.join(names)}: not kept by this installation", "see docs/cluster.md")
    if is_wanted(settings, {it.name for it in wanted}):
        wanted.append(PUSH)
    if processing.is_wanted({it.name for it in wanted}):
        wanted.append(processing.PROCESSING)
    with ExitStack() as open_things:
        parts = open_parts(settings, wanted, open_things)
        registry = CollectorRegistry()
        effects = open_effects(settings, parts, registry) if PUSH in wanted else None
        loops: dict[str, Any] = {} if effects is None else {PUSH.name: partial(open_loop, effects, parts)}
        if processing.PROCESSING in wanted:
            work = processing.open_work(settings, parts, registry)
            open_things.callback(work.close)
            loops[processing.PROCESSING.name] = partial(processing.open_loop, work)
        followers = Followers(parts, wanted, DecodedBatches(), StreamMetrics(registry), settings, loops)
        besides = [asyncio.create_task(_tell_lag(followers, parts)), asyncio.create_task(parts.guard())]
        collect_garbage_rarely()
        let_threads_take_turns()
        try:
            async with served(registry, settings, followers.look):
                await followers.run(stop)
        finally:
            for task in besides:
                task.cancel()
            if effects is not None:
                await effects.close()


async def retry_dead_letters(settings: Settings, name: str) -> Retried:
    """Try the dead letters of a projection again, in all generations that are followed; return how the active one did.

    On files, raises TroubleError while another process follows one of them.
    """
    (projection,) = (projection for projection in PROJECTIONS if projection.name == name)
    with ExitStack() as open_things:
        parts = open_parts(settings, [projection], open_things)
        project = placed(projection.project) if parts.places(projection) else projection.project
        record = (await parts.records())[name]
        followed = record.followed(parts.schema_version(projection))
        retried = Retried(0, 0)
        for it in sorted(followed, key=lambda it: it.number == record.active):  # the one that writes letters goes last
            store = await parts.open_store(projection, it.number, open_things)
            letters = parts.dead_letters if it.number == record.active else None
            retried = await retry(name, project, store, parts.log, letters)
        return retried


def open_parts(settings: Settings, wanted: Sequence[Projection], open_things: ExitStack) -> Parts:
    """Open what the profile gives to these projections; raises TroubleError."""
    if settings.profile == "cluster":
        from streams.cluster import ClusterParts  # noqa: PLC0415 - its clients are installed where there are servers

        return ClusterParts(settings, wanted, open_things)
    return FileParts(settings, wanted, open_things)


async def _tell_lag(followers: Followers, parts: Parts) -> None:
    while True:
        await asyncio.sleep(LAG_LINE_SECONDS)
        await parts.look()
        logger.info("records waiting", extra={"fields": {"records": lags(followers, parts)}})
