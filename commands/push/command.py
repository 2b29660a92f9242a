"""Requests about push, as data."""

from __future__ import annotations

from typing import NamedTuple


class Subscribe(NamedTuple):
    """Tell the account at an endpoint, encrypted for these keys (base64url)."""

    user_id: int
    endpoint: str
    p256dh: str
    auth: str
