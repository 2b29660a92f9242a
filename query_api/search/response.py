"""Present: people who were found, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.users.response import unknown_author_members

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from query_api.search.rules import Person


def people_page(people: Sequence[Person], authors: Mapping[int, bytes]) -> bytes:
    """Return the accounts found."""
    return b'{"users":[%s]}' % b",".join(
        b'{%s,"followers_count":%d}' % (authors.get(it.user_id) or unknown_author_members(it.user_id), it.followers)
        for it in people
    )
