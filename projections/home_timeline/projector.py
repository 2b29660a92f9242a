"""Decides which home timelines an event touches.

Consumes:   SignedIn, Followed, Unfollowed, TweetPosted, TweetDeleted, Retweeted, RetweetUndone
Writes:     nothing itself; returns the writes below for the store
Guarantee:  the same events give the same writes; event time only, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each key's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.accounts.events import SignedIn
from schemas.follows.events import Followed, Unfollowed
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class OpenTimeline(NamedTuple):
    """The reader was seen: from now on entries are pushed to it."""

    reader_id: int
    seen_ms: int


class AddFollow(NamedTuple):
    """The reader's timeline takes in the author."""

    reader_id: int
    author_id: int


class RemoveFollow(NamedTuple):
    """The reader's timeline loses the author."""

    reader_id: int
    author_id: int


class PutEntry(NamedTuple):
    """An entry of the author's outbox, from which timelines are pulled."""

    author_id: int
    tweet_id: int
    original_id: int
    parent_author_id: int


class PushEntry(NamedTuple):
    """The same entry, into the timelines of the author's audience."""

    author_id: int
    tweet_id: int
    original_id: int
    parent_author_id: int


class RemoveEntry(NamedTuple):
    """The entry leaves the outbox."""

    author_id: int
    tweet_id: int


class RetractEntry(NamedTuple):
    """The entry leaves the timelines of the author's audience."""

    author_id: int
    tweet_id: int


class TrimAudience(NamedTuple):
    """A share of the author's audience, chosen by the tweet's id, is cut back to the cap."""

    author_id: int
    tweet_id: int


class CloseLapsed(NamedTuple):
    """Event time has come this far: readers not seen for long are no longer pushed to."""

    latest_ms: int


def project(events: Sequence[Event]) -> list[NamedTuple]:
    """Return the writes of a batch: relations, outboxes, timelines, each in the events' order.

    Outboxes come before timelines, whatever the order of the tweets: neither reads the other, and long runs of one
    kind of write are what makes the store fast.
    """
    relations: list[NamedTuple] = []
    outboxes: list[NamedTuple] = []
    timelines: list[NamedTuple] = []
    trims: list[NamedTuple] = []
    for event in events:
        match event:
            case TweetPosted(author_id=author, tweet_id=tweet):
                parent_author = event.reply_to_author_id or 0
                outboxes.append(PutEntry(author, tweet, 0, parent_author))
                timelines.append(PushEntry(author, tweet, 0, parent_author))
                trims.append(TrimAudience(author, tweet))
            case Retweeted(author_id=author, tweet_id=tweet, original_id=original):
                outboxes.append(PutEntry(author, tweet, original, 0))
                timelines.append(PushEntry(author, tweet, original, 0))
                trims.append(TrimAudience(author, tweet))
            case TweetDeleted(author_id=author, tweet_id=tweet) | RetweetUndone(author_id=author, tweet_id=tweet):
                outboxes.append(RemoveEntry(author, tweet))
                timelines.append(RetractEntry(author, tweet))
            case Followed(user_id=reader, target_id=author):
                relations.append(AddFollow(reader, author))
            case Unfollowed(user_id=reader, target_id=author):
                relations.append(RemoveFollow(reader, author))
            case SignedIn(user_id=reader, envelope=envelope):
                relations.append(OpenTimeline(reader, envelope.occurred_at_ms))
            case _:
                pass  # profiles, blocks and mutes: looked at when a timeline is read
    latest = max((event.envelope.occurred_at_ms for event in events), default=0)
    return [*relations, *outboxes, *timelines, *trims, CloseLapsed(latest)]
