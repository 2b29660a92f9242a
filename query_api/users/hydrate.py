"""Hydrate: an account and what its profile says of it, one call per store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.graph.read_model import FollowCounts
from query_api.errors import UnknownUserError

if TYPE_CHECKING:
    from projections.accounts.read_model import Account
    from projections.graph.read_model import Relation
    from query_api.stores import Readers


class Known(NamedTuple):
    """What a profile shows; `relation` is None where there is no viewer, or it is the account itself."""

    account: Account
    follows: FollowCounts
    tweets_count: int
    relation: Relation | None


def profile(user_id: int, viewer_id: int, readers: Readers) -> Known:
    """Return what a profile shows; raises UnknownUserError."""
    account = readers.accounts.many([user_id]).get(user_id)
    if account is None or user_id in readers.standings.gone:
        raise UnknownUserError
    return Known(
        account,
        readers.graph.counts([user_id]).get(user_id, FollowCounts(0, 0)),
        readers.tweets.counts_by_author([user_id]).get(user_id, 0),
        readers.graph.relation(viewer_id, user_id) if viewer_id not in (0, user_id) else None,
    )
