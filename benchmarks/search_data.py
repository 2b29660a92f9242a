"""Tweets to be searched, and what is asked of them: words by Zipf's law, hashtags, authors; the same every time."""

from __future__ import annotations

import os
import random
from itertools import accumulate
from typing import TYPE_CHECKING

from projections.search.projector import project
from projections.search.read_model import By, Criteria, Phrase, Tagged
from schemas.envelope import Envelope
from schemas.ids import first_id_at
from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from projections.search.read_model import Atom

VOCABULARY = 50_000
WORDS_A_TWEET = 12
TAGS, AUTHORS = 2_000, 20_000
BATCH = 2_000
EPOCH_MS = 1_700_000_000_000
SIZE = "MURMURATION_BENCH_TWEETS"

_WEIGHTS = list(accumulate(1 / (rank + 10) for rank in range(VOCABULARY)))
_TAG_WEIGHTS = list(accumulate(1 / (rank + 3) for rank in range(TAGS)))
_NAMES = [f"w{rank}" for rank in range(VOCABULARY)]


def tweets_wanted(otherwise: int) -> int:
    """Return how many tweets the corpus is to have."""
    return int(os.environ.get(SIZE, otherwise))


def batches(count: int) -> Iterator[list[TweetPosted]]:
    """Yield the tweets, oldest first, one every 100 ms."""
    dice = random.Random(8)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        said = dice.choices(_NAMES, cum_weights=_WEIGHTS, k=size * WORDS_A_TWEET)
        yield [
            _tweet(dice, start + at, " ".join(said[at * WORDS_A_TWEET : (at + 1) * WORDS_A_TWEET]))
            for at in range(size)
        ]


def _tweet(dice: random.Random, number: int, content: str) -> TweetPosted:
    at_ms = EPOCH_MS + number * 100
    author = dice.randrange(1, AUTHORS)
    tags = dice.choices(range(TAGS), cum_weights=_TAG_WEIGHTS, k=2) if number % 3 == 0 else []
    envelope = Envelope(event_id=first_id_at(at_ms), occurred_at_ms=at_ms, actor_id=author)
    hashtags = [f"t{tag}" for tag in dict.fromkeys(tags)]
    tweet_id = first_id_at(at_ms)
    return TweetPosted(envelope, tweet_id, author, content, conversation_id=tweet_id, hashtags=hashtags)


def questions(count: int) -> list[Criteria]:
    """Return what is asked: words of every frequency, pairs of them, phrases, tags, authors, and less of these."""
    dice = random.Random(9)
    some = [tweet for batch in batches(BATCH) for tweet in batch]
    return [_question(dice, some[dice.randrange(len(some))]) for _ in range(count)]


def _question(dice: random.Random, tweet: TweetPosted) -> Criteria:
    said = tweet.content.split()
    one, other = said[dice.randrange(len(said))], said[0]
    asked: Sequence[tuple[Sequence[Atom], Sequence[Atom]]] = (
        ((Phrase((one,)),), ()),
        ((Phrase((one,)),), ()),
        ((Phrase((one,)), Phrase((other,))), ()),
        ((Phrase(tuple(said[2:4])),), ()),
        ((Tagged(f"t{dice.randrange(50)}"),), ()),
        ((By(tweet.author_id),), ()),
        ((Phrase((one,)),), (Phrase((other,)),) if one != other else ()),
        ((Phrase((one,)), By(tweet.author_id)), ()),
    )
    required, excluded = asked[dice.randrange(len(asked))]
    return Criteria(tuple(required), tuple(excluded))


__all__ = ["batches", "project", "questions", "tweets_wanted"]
