"""Facts about accounts; topic `accounts`, key: user_id."""

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


class ProfileEdited(Event, frozen=True):
    """The owner changed the fields that are not None; the others stay as they were."""

    user_id: int
    display_name: str | None = None
    bio: str | None = None
    location: str | None = None
    profile_image_url: str | None = None
    banner_image_url: str | None = None


class SignedIn(Event, frozen=True):
    """The owner obtained or refreshed a session (said at most once a day): readers who do so have live timelines."""

    user_id: int
