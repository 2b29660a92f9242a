"""What a profile gives to the command process: the words that bootstrap and the profiles share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.services import Below, Privacy
    from commands.views import Views
    from infra.auth.apps import Apps
    from infra.auth.credentials import Credentials
    from infra.auth.seals import KeptSeals
    from infra.http.shared_limits import SharedLimits
    from infra.journal.port import Journal
    from infra.push.subscriptions import Subscriptions


class FollowedRevocations(Protocol):
    """Knows which sessions have ended, at once those that this process ends."""

    def __contains__(self, session_id: int) -> bool: ...

    def add(self, session_id: int) -> None:
        """Know of a session that this process has ended."""

    def close(self) -> None:
        """Follow no more."""


class Parts(NamedTuple):
    """What the profile decides; `close` ends the journal and what is under it, what follows is as in Services."""

    journal: Journal
    next_id: Callable[[], int]
    credentials: Credentials
    apps: Apps
    seals: KeptSeals
    revocations: FollowedRevocations
    views: Views
    privacy: Privacy
    close: Callable[[], None]
    below: Below | None = None
    broken: Callable[[], str | None] = lambda: None
    also_ready: Callable[[], dict[str, bool]] = dict
    warnings: Callable[[], list[str]] = list
    subscriptions: Subscriptions | None = None
    shared_limits: SharedLimits | None = None
