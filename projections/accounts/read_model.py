"""What may be read about accounts: shapes and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "accounts"
TOPICS = ("accounts",)


ACTIVE, SUSPENDED, DELETED = "ACTIVE", "SUSPENDED", "DELETED"
USER, MODERATOR, ADMIN = "user", "moderator", "admin"
ROLES = (USER, MODERATOR, ADMIN)
FOREVER_MS = 1 << 62
"""Until when who is suspended without an end is."""


class Standing(NamedTuple):
    """What others decided about an account. `status` is what it is but for a suspension, which may end by itself."""

    status: str = ACTIVE
    role: str = USER
    suspended_until_ms: int = 0
    limited: bool = False

    def status_at(self, now_ms: int) -> str:
        """Return the status as it is at a time: facts know when a suspension ends, who reads them what time it is."""
        return SUSPENDED if self.status == ACTIVE and self.suspended_until_ms > now_ms else self.status


PLAIN = Standing()


class Account(NamedTuple):
    """A profile as its owner left it; times are unix milliseconds, texts are empty where nothing was given.

    `status` does not tell of a suspension: see Standing. Why it is suspended is its owner's to know; the case is 0
    where an operator decided.
    """

    user_id: int
    username: str
    display_name: str
    bio: str
    location: str
    profile_image_url: str
    banner_image_url: str
    verified: bool
    status: str
    created_at_ms: int
    role: str = USER
    suspended_until_ms: int = 0
    limited: bool = False
    suspended_reason: str = ""
    suspended_case: int = 0

    @property
    def standing(self) -> Standing:
        """What others decided about it."""
        return Standing(self.status, self.role, self.suspended_until_ms, self.limited)


class AccountsReader(ProjectionReader, Protocol):
    """Profiles by id and by name (names compare without case)."""

    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        """Return the accounts that exist among the ids."""

    def ids_by_username(self, usernames: Collection[str]) -> dict[str, int]:
        """Return user ids by lower-cased name, for the names that exist."""

    def standings(self) -> dict[int, Standing]:
        """Return the standing of every account that others decided something about: few of all."""

    def changed(self) -> list[int]:
        """Return at least the ids of the accounts that were edited since the last call: caches drop them."""
