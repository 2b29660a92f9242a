"""Skeleton: which account a path names, and who is in its lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.graph.read_model import Edge
from query_api.errors import UnknownUserError
from query_api.users.rules import Listed
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from collections.abc import Callable

    from projections.accounts.read_model import AccountsReader


def user_id_of(text: str) -> int:
    """Return the id that a path names; raises UnknownUserError for what is no id of ours."""
    user_id = from_uuid(text)
    if user_id is None:
        raise UnknownUserError
    return user_id


def user_id_named(name: str, accounts: AccountsReader) -> int:
    """Return the id of the account of that name, whatever its case; raises UnknownUserError."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnknownUserError from None  # a lone surrogate is in no name
    user_id = accounts.ids_by_username([name.lower()]).get(name.lower())
    if user_id is None:
        raise UnknownUserError
    return user_id


def follows(
    read: Callable[[int, Edge | None, int], list[Edge]], user_id: int
) -> Callable[[Listed | None, int], list[Listed]]:
    """Return what reads an account's followers, or whom it follows, below a row."""

    def below(before: Listed | None, limit: int) -> list[Listed]:
        return [Listed._make(edge) for edge in read(user_id, before and Edge._make(before), limit)]

    return below
