"""The plan of the Higgs interactions.

The rule, so that anyone can recompute the answer: accounts for all users; A follows B for each distinct pair A ≠ B,
before the first row; then row by row, at the row's time: RT = A retweets B's newest tweet that A has not retweeted
yet; RE = A replies to B's newest tweet; MT = A tweets, mentioning B. Where B has no such tweet, B first posts one at
that time. Rows of one second keep the file's order. A tweet here is an original or a reply, never a retweet.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from commands.imports.files import MENTION, RETWEET
from commands.imports.plan import Audience, Ids, Step, account_steps, distinct_follows, envelope, follow_steps
from commands.imports.wording import first_post, mention, reply
from schemas.tweets.events import Mention, Retweeted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commands.imports.files import Interactions


class HiggsPlan:
    """Steps of one file: accounts + distinct follows + rows of them; a row's step has one event or two."""

    refused: ClassVar[Mapping[str, int]] = {}

    def __init__(self, rows: Interactions, audience: Audience) -> None:
        self._rows = rows
        self._audience = audience
        self._follows = distinct_follows(rows.actors, rows.targets)
        self.total_steps = len(rows.accounts.numbers) + len(self._follows) + len(rows.times)

    def steps(self) -> Iterator[Step]:
        """Yield the steps, the same ones every time."""
        if not self._rows.times:
            return
        ids, user_ids = Ids(), array("q")
        start_ms = self._rows.times[0] * 1000 - len(self._rows.accounts.numbers) - len(self._follows)
        for user_id, step in account_steps(ids, self._audience, self._rows.accounts.numbers, start_ms):
            user_ids.append(user_id)
            yield step
        yield from follow_steps(ids, user_ids, self._follows, start_ms + len(user_ids))
        yield from _RowSteps(self._rows, self._audience, ids, user_ids).steps()


class _RowSteps:
    """What the rows have led to so far: each author's tweets, and which of them each account has passed on.

    `passed_on` maps actor << 32 | author to a bit per tweet of the author, in the order of their tweets.
    """

    def __init__(self, rows: Interactions, audience: Audience, ids: Ids, user_ids: array[int]) -> None:
        self._rows = rows
        self._audience = audience
        self._ids = ids
        self._user_ids = user_ids
        self._tweets: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._newest_conversation: dict[int, int] = {}
        self._passed_on: dict[int, int] = {}

    def steps(self) -> Iterator[Step]:
        rows = self._rows
        for actor, target, time, kind in zip(rows.actors, rows.targets, rows.times, rows.kinds, strict=True):
            at_ms = time * 1000
            if kind == RETWEET:
                yield self._retweet(actor, target, at_ms)
            elif kind == MENTION:
                yield (self._mention(actor, target, at_ms),)
            else:
                yield self._reply(actor, target, at_ms)

    def _retweet(self, actor: int, author: int, at_ms: int) -> Step:
        pair = actor << 32 | author
        done = self._passed_on.get(pair, 0)
        newest = len(self._tweets[author]) - 1
        while newest >= 0 and done >> newest & 1:
            newest -= 1
        first = () if newest >= 0 else (self._first_post(author, at_ms),)
        if newest < 0:
            newest = len(self._tweets[author]) - 1
        self._passed_on[pair] = done | 1 << newest
        event_id = self._ids.at(at_ms)
        user_id, original_id = self._user_ids[actor], self._tweets[author][newest]
        return *first, Retweeted(envelope(event_id, user_id), event_id, user_id, original_id, self._user_ids[author])

    def _reply(self, actor: int, author: int, at_ms: int) -> Step:
        first = () if self._tweets[author] else (self._first_post(author, at_ms),)
        parent, conversation = self._tweets[author][-1], self._newest_conversation[author]
        tweet_id, user_id = self._ids.at(at_ms), self._user_ids[actor]
        posted = TweetPosted(
            envelope(tweet_id, user_id),
            tweet_id,
            user_id,
            reply(tweet_id),
            conversation,
            reply_to_tweet_id=parent,
            reply_to_author_id=self._user_ids[author],
        )
        self._remember(actor, tweet_id, conversation)
        return *first, posted

    def _mention(self, actor: int, target: int, at_ms: int) -> TweetPosted:
        name = self._audience.username(self._rows.accounts.numbers[target])
        tweet_id = self._ids.at(at_ms)
        return self._post(actor, tweet_id, mention(tweet_id, name), [Mention(self._user_ids[target], name)])

    def _first_post(self, author: int, at_ms: int) -> TweetPosted:
        tweet_id = self._ids.at(at_ms)
        return self._post(author, tweet_id, first_post(tweet_id), [])

    def _post(self, author: int, tweet_id: int, content: str, mentions: list[Mention]) -> TweetPosted:
        user_id = self._user_ids[author]
        self._remember(author, tweet_id, tweet_id)
        return TweetPosted(envelope(tweet_id, user_id), tweet_id, user_id, content, tweet_id, mentions=mentions)

    def _remember(self, author: int, tweet_id: int, conversation: int) -> None:
        self._tweets[author].append(tweet_id)
        self._newest_conversation[author] = conversation
