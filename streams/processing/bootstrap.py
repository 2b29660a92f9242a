"""Makes the processing agent: run beside the projection of media, where what decodes is installed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from infra.clock import SystemClock
from infra.media.decoder import Decoder
from infra.media.installed import images_installed
from infra.objects.opening import open_objects
from projections.media.read_model import PROJECTION as MEDIA
from schemas.ids import MAX_WORKER, SnowflakeGenerator
from streams.effects import SqliteProgress, nothing
from streams.parts import Projection
from streams.processing.agent import NAME, TOPICS, processing_agent
from streams.processing.loop import ProcessingLoop
from streams.processing.metrics import ProcessingMetrics
from streams.processing.work import Work

if TYPE_CHECKING:
    from collections.abc import Collection

    from prometheus_client import CollectorRegistry

    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.parts import Parts

EVENT_WORKER = MAX_WORKER - 1  # of the ids of events; dead letters have the one above, commands count from 0
PROCESSING = Projection(NAME, TOPICS, processing_agent, nothing, lambda path, log_id, _: SqliteProgress(path, log_id))
"""What it is run as: like a projection, but of no projection's table."""

logger = logging.getLogger(__name__)


def is_wanted(names: Collection[str]) -> bool:
    """Tell whether the process that runs these projections also decodes."""
    if MEDIA not in names:
        return False
    if not images_installed():
        logger.warning("uploads are not decoded: the extra `media` is not installed")
        return False
    return True


def open_work(settings: Settings, parts: Parts, registry: CollectorRegistry) -> Work:
    """Return what the agent does; inside a running event loop."""
    folder = settings.data_dir / "tmp"
    return Work(
        open_objects(settings),
        parts.open_facts(),
        SnowflakeGenerator(EVENT_WORKER, SystemClock().now_ms),
        [Decoder(folder) for _ in range(settings.media_decoders)],
        folder,
        ProcessingMetrics(registry),
    )


def open_loop(work: Work, store: ProjectionStore, *about: Any, **more: Any) -> ProcessingLoop:
    """Return the agent's loop."""
    return ProcessingLoop(work, NAME, nothing, store, *about, **more)
