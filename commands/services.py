"""What endpoints work with; made by bootstrap, kept at `app.state.services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.accounts.registry import Registry
    from commands.views import Views
    from infra.auth.keys import KeyRing
    from infra.auth.tokens import AccessTokenVerifier
    from infra.clock import Clock
    from infra.consistency import ConsistencyTokens
    from infra.http.rate_limits import RateLimits
    from infra.journal.port import Journal
    from infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One field a part."""

    settings: Settings
    clock: Clock
    next_id: Callable[[], int]
    journal: Journal
    views: Views
    registry: Registry
    keys: KeyRing
    verifier: AccessTokenVerifier
    rate_limits: RateLimits
    consistency: ConsistencyTokens
