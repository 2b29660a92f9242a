"""Makes the push agent: run beside the projection of notifications where the setting `push_contact` says who sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import Counter

from infra.clock import SystemClock
from infra.push.sender import Sender
from infra.push.webpush import Vapid
from projections.notifications.read_model import PROJECTION as NOTIFICATIONS
from streams.effects import SqliteProgress, nothing
from streams.parts import Projection
from streams.push.agent import NAME, TOPICS, push_agent
from streams.push.effects import Effects
from streams.push.loop import PushLoop, begin_at_the_end
from streams.push.models import Models

if TYPE_CHECKING:
    from collections.abc import Collection

    from prometheus_client import CollectorRegistry

    from infra.projections import ProjectionStore
    from infra.settings import Settings
    from streams.parts import Parts

TTL_SECONDS = 86_400  # a push service keeps a message for a device that is off; the day after, the page tells more
PUSH = Projection(NAME, TOPICS, push_agent, nothing, lambda path, log_id, _: SqliteProgress(path, log_id))
"""What it is run as: like a projection, but of no projection's table."""


def is_wanted(settings: Settings, names: Collection[str]) -> bool:
    """Tell whether the process that runs these projections also pushes."""
    return bool(settings.push_contact) and NOTIFICATIONS in names


def open_effects(settings: Settings, parts: Parts, registry: CollectorRegistry) -> Effects:
    """Return what the agent does; inside a running event loop."""
    subscriptions, sources = parts.open_push()
    outcomes = Counter("murmur_push_messages", "Messages by what became of them.", ["outcome"], registry=registry)
    vapid = Vapid(settings.keys_dir, settings.push_contact)
    sender = Sender(vapid, TTL_SECONDS, allow_loopback=settings.push_allow_loopback)
    max_age_ms = settings.push_max_age_minutes * 60_000
    return Effects(subscriptions, Models(sources), sender, SystemClock(), max_age_ms, outcomes)


def open_loop(effects: Effects, parts: Parts, store: ProjectionStore, *about: Any, **more: Any) -> PushLoop:
    """Return the agent's loop, which begins at the end of the log where it was never started."""
    begin_at_the_end(store, parts.ends(TOPICS))
    return PushLoop(effects, NAME, nothing, store, *about, **more)
