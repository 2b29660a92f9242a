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
    from schemas.tweets.events import Retweeted, TweetPosted

_NAMES = {kind: kind.name for kind in Kind}
_NO_LISTS = '"hashtags":[],"mentions":[],"urls":[],"media":[]'


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
            event.conversation_id,
            content=_json(event.content),
            reply_to=event.reply_to_tweet_id,
            quoted=event.quoted_tweet_id,
            lists=_lists(event),
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
        body=_body(event, Kind.RETWEET, event.tweet_id, original=event.original_id),
    )


def _body(
    event: TweetPosted | Retweeted,
    kind: Kind,
    conversation_id: int,
    *,
    content: str = '""',
    reply_to: int | None = None,
    quoted: int | None = None,
    original: int | None = None,
    lists: str = _NO_LISTS,
) -> bytes:
    """Put the members beside one another: what is no free text needs no escapes, and most of a body is none."""
    tweet_id = to_uuid(event.tweet_id)
    conversation = tweet_id if conversation_id == event.tweet_id else to_uuid(conversation_id)
    return (
        f'"tweet_id":"{tweet_id}","user_id":"{to_uuid(event.author_id)}","type":"{_NAMES[kind]}","content":{content},'
        f'"created_at":"{_time(event.envelope.occurred_at_ms)}","conversation_id":"{conversation}",'
        f'"reply_to_tweet_id":{_reference(reply_to)},"quoted_tweet_id":{_reference(quoted)},'
        f'"retweeted_tweet_id":{_reference(original)},{lists}'
    ).encode()


def _lists(event: TweetPosted) -> str:
    if not (event.hashtags or event.mentions or event.urls or event.media):
        return _NO_LISTS
    members = {
        "hashtags": event.hashtags,
        "mentions": [{"user_id": to_uuid(it.user_id), "username": it.username} for it in event.mentions],
        "urls": event.urls,
        "media": [shown(it, it.thumbnails) for it in event.media],
    }
    return _json(members)[1:-1]


def _reference(tweet_id: int | None) -> str:
    return f'"{to_uuid(tweet_id)}"' if tweet_id else "null"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _time(ms: int) -> str:
    try:
        return f"{_second(ms // 1000)}{ms % 1000:03d}Z"
    except (OSError, OverflowError, ValueError) as error:  # beyond the year 9999: no time that can be written
        raise RejectedWriteError(f"occurred_at_ms {ms}: {error}") from error


@lru_cache(maxsize=1024)  # a batch spans few seconds, and to write one is half the cost of a body
def _second(second: int) -> str:
    return rfc3339(second * 1000)[:-4]
