"""Recounts search: that what stands is found by its author, a word and its tags, and what is gone is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from projections.search.read_model import By, Criteria, Phrase, Tagged
from schemas.accounts.events import AccountErased, AccountRegistered, ProfileEdited
from schemas.tweets.events import TweetDeleted, TweetPosted
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.search.read_model import Atom, SearchReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

PLAIN_WORD = re.compile(r"(?<!\S)[a-zA-Z]{3,60}(?!\S)")  # of which nobody doubts that it is one
PLAIN_NAME = re.compile(r"[a-z0-9]{3,50}")
MOST_PEOPLE = 1_000


class SearchRecount:
    """Tweets and accounts in the sample."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        TweetPosted,
        TweetDeleted,
        AccountRegistered,
        ProfileEdited,
        AccountErased,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._tweets: dict[int, TweetPosted] = {}
        self._gone: set[int] = set()
        self._names: dict[int, tuple[str, str]] = {}

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, TweetPosted) and self._sample.has_tweet(event.tweet_id):
            self._said.note(place, offset, event.tweet_id)
            self._tweets.setdefault(event.tweet_id, event)
        elif isinstance(event, TweetDeleted) and self._sample.has_tweet(event.tweet_id):
            self._said.note(place, offset, event.tweet_id)
            self._gone.add(event.tweet_id)
        elif isinstance(event, AccountRegistered) and self._sample.has_user(event.user_id):
            self._said.note(place, offset, event.user_id)
            self._names.setdefault(event.user_id, (event.username, event.display_name))
        elif isinstance(event, ProfileEdited) and event.display_name is not None and event.user_id in self._names:
            self._said.note(place, offset, event.user_id)
            self._names[event.user_id] = (self._names[event.user_id][0], event.display_name)
        elif isinstance(event, AccountErased):
            self._names.pop(event.user_id, None)

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._tweets) + len(self._names)

    def differences(self, reader: SearchReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        for tweet_id, event in self._tweets.items():
            expected = [] if tweet_id in self._gone else [tweet_id]
            for what, atoms in self._questions(event):
                found = reader.tweets(Criteria((By(event.author_id), *atoms), (), tweet_id, tweet_id + 1), None, 1)
                if found != expected:
                    yield self._said.difference(f"tweet by {what}", tweet_id, expected, found)
        for user_id, names in self._names.items():
            for prefix in self._prefixes(names):
                found = reader.people([prefix], MOST_PEOPLE)
                if user_id not in found and len(found) < MOST_PEOPLE:
                    yield self._said.difference(f"account by {prefix!r}", user_id, "found", "not found")

    def _questions(self, event: TweetPosted) -> Iterator[tuple[str, tuple[Atom, ...]]]:
        yield "its author", ()
        if words := PLAIN_WORD.findall(event.content):
            yield f"the word {words[0]!r}", (Phrase((words[0].lower(),)),)
        for tag in event.hashtags[:1]:
            if tag.isascii():
                yield f"the tag {tag!r}", (Tagged(tag.lower()),)

    def _prefixes(self, names: tuple[str, str]) -> Iterator[str]:
        for name in (names[0].lower(), *names[1].lower().split()):
            if PLAIN_NAME.fullmatch(name):
                yield name
