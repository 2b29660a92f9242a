"""Present: accounts as bytes, in tweets, in lists and as profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from infra.clock import rfc3339
from query_api.pages import page
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.accounts.read_model import Account
    from query_api.users.hydrate import Known
    from query_api.users.rules import Listed


def author_members(account: Account) -> bytes:
    """Return the members of the object that stands for an account in tweets and lists, without the braces."""
    return orjson.dumps(
        {
            "user_id": to_uuid(account.user_id),
            "username": account.username,
            "display_name": account.display_name,
            "verified": account.verified,
            "profile_image_url": account.profile_image_url,
        }
    )[1:-1]


def unknown_author_members(user_id: int) -> bytes:
    """Return the same for an account that the accounts projection does not have yet: its id, and no names."""
    return (
        b'"user_id":"%s","username":"","display_name":"","verified":false,"profile_image_url":""'
        % to_uuid(user_id).encode()
    )


def listed_objects(listed: Sequence[Listed], authors: Mapping[int, bytes], since: str) -> list[bytes]:
    """Return each account of a list as an object, commas between them; its time is the member `since`."""
    name, last = since.encode(), len(listed) - 1
    return [
        b'{%s,"%s":"%s"}%s'
        % (
            authors.get(user_id) or unknown_author_members(user_id),
            name,
            rfc3339(at_ms).encode(),
            b"," if place < last else b"",
        )
        for place, (at_ms, user_id) in enumerate(listed)
    ]


def listed_page(
    member: str, listed: Sequence[Listed], authors: Mapping[int, bytes], since: str, next_cursor: str | None
) -> bytes:
    """Return a page of a list of accounts."""
    return page(member, listed_objects(listed, authors, since), "next_cursor", next_cursor)


def profile(known: Known) -> bytes:
    """Return a profile."""
    account, follows, tweets_count, relation = known
    return orjson.dumps(
        {
            "user_id": to_uuid(account.user_id),
            "username": account.username,
            "display_name": account.display_name,
            "bio": account.bio,
            "location": account.location,
            "profile_image_url": account.profile_image_url,
            "banner_image_url": account.banner_image_url,
            "verified": account.verified,
            "status": account.status,
            "created_at": rfc3339(account.created_at_ms),
            "followers_count": follows.followers,
            "following_count": follows.following,
            "tweets_count": tweets_count,
            "relation": None if relation is None else relation._asdict(),
        }
    )
