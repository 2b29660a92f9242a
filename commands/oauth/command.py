"""Requests about apps, as data."""

from __future__ import annotations

from typing import NamedTuple


class Register(NamedTuple):
    """Register an app of an account's."""

    owner_id: int
    name: str
    redirect_uris: tuple[str, ...]
    confidential: bool


class Authorize(NamedTuple):
    """Let an app act for whoever agrees."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    state: str
