"""Requests about accounts, as data."""

from __future__ import annotations

from typing import NamedTuple


class Register(NamedTuple):
    """Open an account; the password is checked and hashed outside of what the handler decides."""

    username: str
    email: str
    display_name: str
    bio: str
    location: str


class EditProfile(NamedTuple):
    """Change the fields that are not None."""

    user_id: int
    display_name: str | None
    bio: str | None
    location: str | None
    profile_image_url: str | None
    banner_image_url: str | None
    profile_image_id: int | None = None
    banner_image_id: int | None = None
