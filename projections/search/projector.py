"""Decides what an event makes findable.

Consumes:   TweetPosted, TweetDeleted; AccountRegistered, ProfileEdited, AccountErased; retweets and what else is said
            about accounts are passed over
Writes:     nothing itself; returns IndexTweet, RemoveTweet, IndexPerson, RenamePerson, ForgetPerson for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each key's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.search.words import EVERY, MEDIA, by, names, tag, to, words
from schemas.accounts.events import AccountErased, AccountRegistered, ProfileEdited
from schemas.tweets.events import TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class IndexTweet(NamedTuple):
    """The tweet can be found, unless it was removed; each text is words joined by spaces."""

    tweet_id: int
    words: str
    tags: str
    facts: str


class RemoveTweet(NamedTuple):
    """The tweet cannot be found, for good."""

    tweet_id: int


class IndexPerson(NamedTuple):
    """The account can be found by the words of its names."""

    user_id: int
    username: str
    name: str


class RenamePerson(NamedTuple):
    """The display name is another."""

    user_id: int
    name: str


class ForgetPerson(NamedTuple):
    """The account cannot be found, for good."""

    user_id: int


Write = IndexTweet | RemoveTweet | IndexPerson | RenamePerson | ForgetPerson


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch by type: removals hold for good, and a new name follows its account anyway."""
    removed: list[Write] = []
    indexed: list[Write] = []
    people: list[Write] = []
    renamed: dict[int, Write] = {}
    forgotten: list[Write] = []
    for event in events:
        match event:
            case TweetPosted():
                indexed.append(_tweet(event))
            case TweetDeleted():
                removed.append(RemoveTweet(event.tweet_id))
            case AccountRegistered():
                people.append(IndexPerson(event.user_id, _joined(event.username), _joined(event.display_name)))
            case ProfileEdited():
                if event.display_name is not None:
                    renamed[event.user_id] = RenamePerson(event.user_id, _joined(event.display_name))
            case AccountErased():
                forgotten.append(ForgetPerson(event.user_id))
            case _:
                pass
    return [*removed, *indexed, *people, *renamed.values(), *forgotten]


def _tweet(event: TweetPosted) -> IndexTweet:
    facts = [EVERY, by(event.author_id)]
    if event.reply_to_author_id:
        facts.append(to(event.reply_to_author_id))
    if event.media_ids:
        facts.append(MEDIA)
    facts += [names(user_id) for user_id in dict.fromkeys(it.user_id for it in event.mentions)]
    tags = dict.fromkeys(filter(None, map(tag, event.hashtags)))
    return IndexTweet(event.tweet_id, _joined(event.content), " ".join(tags), " ".join(facts))


def _joined(text: str) -> str:
    return " ".join(words(text))
