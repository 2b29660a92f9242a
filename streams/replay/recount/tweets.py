"""Recounts tweets: which stand, what each says, and the lists that they are in."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from schemas.ids import to_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetModerated, TweetPosted
from streams.replay.recount.port import LIST_LIMIT
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.tweets.read_model import Tweet, TweetsReader
    from schemas.envelope import Event
    from schemas.tweets.events import Attachment
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

KINDS = {"TWEET": 0, "REPLY": 1, "RETWEET": 2, "QUOTE_TWEET": 3}


class TweetsRecount:
    """Tweets in the sample, and all tweets of authors, parents, quoted tweets and conversations in it."""

    READS: ClassVar[tuple[type[Event], ...]] = (TweetPosted, Retweeted, TweetDeleted, RetweetUndone, TweetModerated)

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._posted: dict[int, TweetPosted | Retweeted] = {}
        self._gone: set[int] = set()
        self._shows: dict[int, tuple[bool, str, bool]] = {}

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, TweetPosted | Retweeted):
            if self._sample.has_user(event.author_id) or any(map(self._sample.has_tweet, _concerned(event))):
                self._posted.setdefault(event.tweet_id, event)
                self._said.note(place, offset, event.tweet_id, event.author_id)
        elif isinstance(event, TweetDeleted | RetweetUndone):
            self._gone.add(event.tweet_id)
            self._said.note(place, offset, event.tweet_id)
        elif isinstance(event, TweetModerated):
            self._shows[event.tweet_id] = (event.hidden, event.label, event.limited)
            self._said.note(place, offset, event.tweet_id)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._posted)

    def differences(self, reader: TweetsReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        standing = {tweet_id: event for tweet_id, event in self._posted.items() if self._stands(event)}
        found = reader.many(list(self._posted))
        for tweet_id in self._posted:
            expected = _row(standing[tweet_id]) if tweet_id in standing else None
            if expected is not None:
                expected["shows"] = self._shows.get(tweet_id, (False, "", False))
            if expected != (told := _told(found.get(tweet_id))):
                yield self._said.difference("tweet", tweet_id, expected, told)
        yield from self._lists(list(standing.values()), reader)

    def _stands(self, event: TweetPosted | Retweeted) -> bool:
        return event.tweet_id not in self._gone and not (
            isinstance(event, Retweeted) and event.original_id in self._gone
        )

    def _lists(self, standing: list[TweetPosted | Retweeted], reader: TweetsReader) -> Iterator[Finding]:
        authors, parents, quoted, threads = (defaultdict[int, list[int]](list) for _ in range(4))
        for event in standing:
            authors[event.author_id].append(event.tweet_id)
            if isinstance(event, TweetPosted):
                if event.reply_to_tweet_id:
                    parents[event.reply_to_tweet_id].append(event.tweet_id)
                    threads[event.conversation_id].append(event.tweet_id)
                if event.quoted_tweet_id:
                    quoted[event.quoted_tweet_id].append(event.tweet_id)
        asked = {*(event.author_id for event in self._posted.values())}
        counts = reader.counts_by_author(asked)
        for author in filter(self._sample.has_user, asked):
            if len(authors[author]) != counts.get(author, 0):
                yield self._said.difference("tweets of", author, len(authors[author]), counts.get(author, 0))
        for what, lists, read, chosen in (
            ("tweets by", authors, reader.by_author, self._sample.has_user),
            ("replies to", parents, reader.replies, self._sample.has_tweet),
            ("quotes of", quoted, reader.quotes, self._sample.has_tweet),
            ("conversation", threads, reader.conversation, self._sample.has_tweet),
        ):
            for of in filter(chosen, list(lists)):
                expected = sorted(lists[of], reverse=True)[:LIST_LIMIT]
                if (told := read(of, None, LIST_LIMIT)) != expected:
                    yield self._said.difference(what, of, expected, told)


def _concerned(event: TweetPosted | Retweeted) -> list[int]:
    if isinstance(event, Retweeted):
        return [event.tweet_id]
    named = (event.tweet_id, event.conversation_id, event.reply_to_tweet_id, event.quoted_tweet_id)
    return [it for it in named if it]


def _row(event: TweetPosted | Retweeted) -> dict[str, Any]:
    """Return what must be told of a tweet, ids as numbers and its body as JSON."""
    posted = event if isinstance(event, TweetPosted) else None
    retweet = event if isinstance(event, Retweeted) else None
    kind = "RETWEET" if posted is None else "TWEET"
    if posted is not None and posted.quoted_tweet_id:
        kind = "QUOTE_TWEET"
    if posted is not None and posted.reply_to_tweet_id:
        kind = "REPLY"
    conversation = event.tweet_id if posted is None else posted.conversation_id
    return {
        "author": event.author_id,
        "kind": KINDS[kind],
        "conversation": conversation,
        "parent": (posted and (posted.reply_to_tweet_id, posted.reply_to_author_id)) or (None, None),
        "original": (retweet.original_id, retweet.original_author_id) if retweet else (None, None),
        "quoted": posted.quoted_tweet_id if posted else None,
        "body": {
            "tweet_id": to_uuid(event.tweet_id),
            "user_id": to_uuid(event.author_id),
            "type": kind,
            "content": posted.content if posted else "",
            "created_at": _time(event.envelope.occurred_at_ms),
            "conversation_id": to_uuid(conversation),
            "reply_to_tweet_id": _uuid(posted.reply_to_tweet_id if posted else None),
            "quoted_tweet_id": _uuid(posted.quoted_tweet_id if posted else None),
            "retweeted_tweet_id": _uuid(retweet.original_id if retweet else None),
            "hashtags": list(posted.hashtags) if posted else [],
            "mentions": [
                {"user_id": to_uuid(it.user_id), "username": it.username} for it in (posted.mentions if posted else ())
            ],
            "urls": list(posted.urls) if posted else [],
            "media": [_media(it) for it in (posted.media if posted else ())],
        },
    }


def _media(it: Attachment) -> dict[str, Any]:
    """Return what is shown of an image or a video."""
    place = f"/media/files/{to_uuid(it.media_id)}"
    return {
        "media_id": to_uuid(it.media_id),
        "type": it.kind,
        "url": f"{place}/{it.file}",
        "thumbnails": {
            small.name: {"url": f"{place}/{small.file}", "width": small.width, "height": small.height}
            for small in it.thumbnails
        },
        "width": it.width,
        "height": it.height,
        "alt_text": it.alt_text,
        "blurhash": it.blurhash,
        "duration": it.duration_ms / 1000 if it.duration_ms else None,
        "poster": {"url": f"{place}/{it.poster}"} if it.poster else None,
    }


def _told(tweet: Tweet | None) -> dict[str, Any] | None:
    if tweet is None:
        return None
    return {
        "author": tweet.author_id,
        "kind": tweet.kind,
        "conversation": tweet.conversation_id,
        "parent": (tweet.parent_id or None, tweet.parent_author_id or None),
        "original": (tweet.original_id or None, tweet.original_author_id or None),
        "quoted": tweet.quoted_id or None,
        "body": _members(tweet.body),
        "shows": (tweet.hidden, tweet.label, tweet.limited),
    }


def _members(body: bytes) -> Any:
    try:
        return json.loads(b"{" + body + b"}")
    except (TypeError, ValueError):  # whatever a damaged row holds in its place
        return body


def _uuid(entity_id: int | None) -> str | None:
    return to_uuid(entity_id) if entity_id else None


def _time(ms: int) -> str:
    second = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    return second.isoformat(timespec="milliseconds").replace("+00:00", "Z")
