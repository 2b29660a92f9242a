"""What endpoints work with; made by bootstrap, kept at `app.state.services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from commands.accounts.registry import Registry
    from commands.media.service import MediaParts
    from commands.oauth.grants import Grants
    from commands.privacy.shelf import Shelf
    from commands.views import Views
    from infra.auth.departures import Departures
    from infra.auth.keys import KeyRing
    from infra.auth.tokens import AccessTokenVerifier
    from infra.clock import Clock
    from infra.consistency import ConsistencyTokens
    from infra.erasing.port import Copies
    from infra.http.rate_limits import RateLimits
    from infra.journal.port import Journal
    from infra.push.subscriptions import Subscriptions
    from infra.settings import Settings

Below: TypeAlias = "Callable[[Coroutine[Any, Any, None]], Awaitable[None]]"
"""Runs a coroutine so that synchronous code in it waits for the network beside the event loop."""


def _never() -> None:
    """Files break with their process."""


class Push(NamedTuple):
    """Where devices are kept, and what a browser subscribes with."""

    subscriptions: Subscriptions
    vapid_key: str


class Privacy(NamedTuple):
    """Who is to be erased, and the copies that have to hear of it; where exports wait (None: nowhere)."""

    departures: Departures
    copies: Copies
    shelf: Shelf | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """One field a part."""

    settings: Settings
    clock: Clock
    next_id: Callable[[], int]
    journal: Journal
    views: Views
    registry: Registry
    grants: Grants
    keys: KeyRing
    verifier: AccessTokenVerifier
    rate_limits: RateLimits
    consistency: ConsistencyTokens
    privacy: Privacy
    below: Below | None = None
    broken: Callable[[], str | None] = _never
    """Why this process can take no commands any more and has to be started anew, if so."""
    also_ready: Callable[[], dict[str, bool]] = dict
    """What readiness is besides, by name."""
    warnings: Callable[[], list[str]] = list
    """What is wrong although commands are taken."""
    media: MediaParts | None = None
    """None: nowhere to keep them."""
    push: Push | None = None
    """None: nothing is pushed."""

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what no request asked for: where there are servers, so that its waits hold up nobody."""
        await (work if self.below is None else self.below(work))
