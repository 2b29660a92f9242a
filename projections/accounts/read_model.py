"""What may be read about accounts: shapes and the reader's port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.projections import ProjectionReader

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECTION = "accounts"
TOPICS = ("accounts",)


class Account(NamedTuple):
    """A profile as its owner left it; times are unix milliseconds, texts are empty where nothing was given."""

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


class AccountsReader(ProjectionReader, Protocol):
    """Profiles by id and by name (names compare without case)."""

    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        """Return the accounts that exist among the ids."""

    def ids_by_username(self, usernames: Collection[str]) -> dict[str, int]:
        """Return user ids by lower-cased name, for the names that exist."""

    def changed(self) -> list[int]:
        """Return at least the ids of the accounts that were edited since the last call: caches drop them."""
