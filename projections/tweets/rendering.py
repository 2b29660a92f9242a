"""Renders of a tweet what never changes: its row, and the members of its JSON object.

Pure, and shared: what is stored when the event is applied, and what open streams are told as soon as it is read, are
the same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from infra.clock import rfc3339
from infra.media.shown import shown
from infra.projections import RejectedWriteError
from projections.tweets.read_model import Kind, Tweet
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.tweets.events import Retweeted, TweetPosted

_NAMES = {kind: kind.name for kind in Kind}


def post(event: TweetPosted) -> Tweet:
    """Return the row of a tweet, a reply or a quote."""
    kind = Kind.TWEET
    if event.reply_to_tweet_id:
        kind = Kind.REPLY
    elif event.quoted_tweet_id:
        kind = Kind.QUOTE_TWEET
    return Tweet(
        tweet_id=event.tweet_id,
        author_id=event.author_id,
        kind=kind,
        conversation_id=event.conversation_id,
        parent_id=event.reply_to_tweet_id or 0,
        parent_author_id=event.reply_to_author_id or 0,
        original_id=0,
        original_author_id=0,
        quoted_id=event.quoted_tweet_id or 0,
        body=_body(
            event,
            kind,
            content=event.content,
            conversation_id=event.conversation_id,
            reply_to=event.reply_to_tweet_id,
            quoted=event.quoted_tweet_id,
            hashtags=event.hashtags,
            mentions=[{"user_id": to_uuid(it.user_id), "username": it.username} for it in event.mentions],
            urls=event.urls,
            media=[shown(it, it.thumbnails) for it in event.media],
        ),
    )


def retweet(event: Retweeted) -> Tweet:
    """Return the row of a retweet: a tweet without words of its own, at the root of its own conversation."""
    return Tweet(
        tweet_id=event.tweet_id,
        author_id=event.author_id,
        kind=Kind.RETWEET,
        conversation_id=event.tweet_id,
        parent_id=0,
        parent_author_id=0,
        original_id=event.original_id,
        original_author_id=event.original_author_id,
        quoted_id=0,
        body=_body(event, Kind.RETWEET, conversation_id=event.tweet_id, original=event.original_id),
    )


def _body(
    event: TweetPosted | Retweeted,
    kind: Kind,
    *,
    conversation_id: int,
    content: str = "",
    reply_to: int | None = None,
    quoted: int | None = None,
    original: int | None = None,
    hashtags: Sequence[str] = (),
    mentions: Sequence[dict[str, str]] = (),
    urls: Sequence[str] = (),
    media: Sequence[dict[str, Any]] = (),
) -> bytes:
    tweet_id = to_uuid(event.tweet_id)
    members: dict[str, Any] = {
        "tweet_id": tweet_id,
        "user_id": to_uuid(event.author_id),
        "type": _NAMES[kind],
        "content": content,
        "created_at": _time(event.envelope.occurred_at_ms),
        "conversation_id": tweet_id if conversation_id == event.tweet_id else to_uuid(conversation_id),
        "reply_to_tweet_id": to_uuid(reply_to) if reply_to else None,
        "quoted_tweet_id": to_uuid(quoted) if quoted else None,
        "retweeted_tweet_id": to_uuid(original) if original else None,
        "hashtags": hashtags,
        "mentions": mentions,
        "urls": urls,
        "media": media,
    }
    return orjson.dumps(members)[1:-1]


def _time(ms: int) -> str:
    try:
        return f"{_second(ms // 1000)}{ms % 1000:03d}Z"
    except (OSError, OverflowError, ValueError) as error:  # beyond the year 9999: no time that can be written
        raise RejectedWriteError(f"occurred_at_ms {ms}: {error}") from error


@lru_cache(maxsize=1024)  # a batch spans few seconds, and to write one is half the cost of a body
def _second(second: int) -> str:
    return rfc3339(second * 1000)[:-4]
