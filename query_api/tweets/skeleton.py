"""Skeleton: which tweets, by id and in order, answer a question about a tweet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.errors import UnknownTweetError
from schemas.ids import from_uuid

if TYPE_CHECKING:
    from query_api.tweets.hydrate import TweetHydrator

MOST_ANCESTORS = 100  # a longer thread is read on from its first ancestor shown


def tweet_id_of(text: str) -> int:
    """Return the id that a path names; raises UnknownTweetError for what is no id of ours."""
    tweet_id = from_uuid(text)
    if tweet_id is None:
        raise UnknownTweetError
    return tweet_id


def ancestors(parent_id: int, hydrator: TweetHydrator) -> list[int]:
    """Return the chain from the root (or as far up as it stands) down to `parent_id`; 0 has none."""
    chain: list[int] = []
    while parent_id and len(chain) < MOST_ANCESTORS:
        parent = hydrator.load([parent_id]).get(parent_id)
        if parent is None:
            break
        chain.append(parent_id)
        parent_id = parent.tweet.parent_id
    chain.reverse()
    return chain
