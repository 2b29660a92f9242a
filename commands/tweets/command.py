"""Requests about tweets, as data."""

from __future__ import annotations

from typing import NamedTuple


class PostTweet(NamedTuple):
    """Post a tweet, a reply or a quote; ids that do not apply are None."""

    author_id: int
    content: str
    reply_to_tweet_id: int | None = None
    quoted_tweet_id: int | None = None
    media_ids: tuple[int, ...] = ()


class TweetCommand(NamedTuple):
    """Do something to one tweet: delete it, retweet it, undo that."""

    user_id: int
    tweet_id: int
