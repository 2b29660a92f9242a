"""Facts about accounts; topic `accounts`, key: user_id.

`sealed` is what an event does not say because only the account's key opens it (schemas.sealing).
"""

from __future__ import annotations

from schemas.envelope import Event


class AccountRegistered(Event, frozen=True):
    """Somebody opened an account. `email` is encrypted under the account's own key; empty where none was given."""

    user_id: int
    username: str
    display_name: str
    email: bytes = b""
    bio: str = ""
    location: str = ""
    profile_image_url: str = ""
    banner_image_url: str = ""
    sealed: bytes = b""


class ProfileEdited(Event, frozen=True):
    """The owner changed the fields that are not None; the others stay as they were."""

    user_id: int
    display_name: str | None = None
    bio: str | None = None
    location: str | None = None
    profile_image_url: str | None = None
    banner_image_url: str | None = None
    sealed: bytes = b""


class SignedIn(Event, frozen=True):
    """The owner obtained or refreshed a session (said at most once a day): readers who do so have live timelines."""

    user_id: int


class AccountDeactivated(Event, frozen=True):
    """The owner closed the account: it is not shown, and erased at `erase_at_ms` unless the owner comes back."""

    user_id: int
    erase_at_ms: int


class AccountReactivated(Event, frozen=True):
    """The owner came back within the grace period."""

    user_id: int


class AccountErased(Event, frozen=True):
    """All that was personal about the account is gone, its key is destroyed next; its id is not given again."""

    user_id: int


class AccountSuspended(Event, frozen=True):
    """The account may do nothing and is not shown until `until_ms` (0: until it is restored).

    The envelope's actor decided it (0: an operator), in the moderation case named (0: in none).
    """

    user_id: int
    until_ms: int
    reason: str = ""
    case_id: int = 0


class AccountRestored(Event, frozen=True):
    """The suspension has ended before its time."""

    user_id: int
    case_id: int = 0


class VerifiedChanged(Event, frozen=True):
    """The account's badge was given or taken."""

    user_id: int
    verified: bool


class RoleChanged(Event, frozen=True):
    """The account's role was changed: user, moderator or admin."""

    user_id: int
    role: str


class ReachChanged(Event, frozen=True):
    """The account's reach was limited, or is limited no more."""

    user_id: int
    limited: bool
    case_id: int = 0
