"""What a stream that comes back has missed: told again from the windows of the log that the hub keeps."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

from projections.notifications.notices import told as notices_of
from query_api.live.hub import NEW_TWEET, decoded, deleted, tweets_of
from query_api.live.messages import Message
from query_api.live.notices import NOTIFICATION, from_ids, place_in_ids, places_in_ids
from query_api.notifications.response import live
from schemas.catalogue import TWEETS
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetModerated, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from infra.log.port import TopicPartition
    from query_api.live.fresh import Fresh
    from query_api.live.hub import Hub
    from query_api.live.index import Stream, Viewer
    from query_api.live.notices import Notices
    from query_api.live.positions import Vector
    from query_api.live.window import Window
    from query_api.stores import Readers, Stores
    from schemas.envelope import Event

MOST_MISSED = 1_000
"""Messages that a stream is told again; whoever missed more asks for the timeline instead."""
MOST_SEARCHED = 20_000
"""Records in which notices are looked for: each has to be decoded, some 10 µs."""


class TooMuchMissedError(Exception):
    """What came after the id is not kept here any more, or is too much to be told again."""


class Missed(NamedTuple):
    """What was missed up to where: in the words of ids, and of notices (None: they are not asked for)."""

    messages: list[Message]
    upto: Vector
    notices: Vector | None


def missed(hub: Hub, notices: Notices, stores: Stores, stream: Stream, since: Vector) -> Missed:
    """Return what a stream has missed since. Raises TooMuchMissedError. May wait, on servers."""
    told: list[Message] = []
    vector, upto, until = dict(since), dict(hub.positions.at), None
    if stream.home:
        told += missed_tweets(hub, stream.viewer, vector)
    if stream.notifications:
        until = notices.reach(from_ids(since))
        upto |= places_in_ids(until)
        told += missed_notices(hub, stores.readers(), stream.viewer, vector, until)
    return Missed(told, upto, until)


class _Said(NamedTuple):
    place: TopicPartition
    offset: int
    event: Event


def missed_tweets(hub: Hub, viewer: Viewer, since: Vector) -> Iterator[Message]:
    """Return what a home stream was to be told after `since`: by the rules as they are now, less what is gone again.

    The order is that of event times, and in each partition the log's; `since` moves along. Raises TooMuchMissedError.
    May wait, on servers, before the first.
    """
    heard = frozenset(viewer.follows)
    found = list(_said_by(hub, heard, since))
    if len(found) > MOST_MISSED:
        raise TooMuchMissedError
    gone = {it.event.tweet_id for it in found if isinstance(it.event, TweetDeleted | RetweetUndone)}
    moderated = {it.event.tweet_id: it.event.hidden for it in found if isinstance(it.event, TweetModerated)}
    gone |= {tweet_id for tweet_id, hidden in moderated.items() if hidden}
    posted = [it.event for it in found if isinstance(it.event, TweetPosted | Retweeted)]
    fresh = hub.fresh(tweets_of([it for it in posted if it.tweet_id not in gone]), lambda _: [viewer])
    return _told(hub, viewer, since, found, fresh)


def _told(
    hub: Hub, viewer: Viewer, since: Vector, found: Iterable[_Said], fresh: Mapping[int, Fresh]
) -> Iterator[Message]:
    heard = frozenset(viewer.follows)
    for place, offset, event in found:
        since[place] = offset + 1
        match event:
            case TweetPosted(tweet_id=tweet) | Retweeted(tweet_id=tweet):
                if tweet in fresh and viewer.is_told(fresh[tweet].item.tweet, heard):
                    yield Message(NEW_TWEET, fresh[tweet].body_for(viewer), hub.positions.text_of(since))
            case TweetDeleted(tweet_id=tweet, author_id=author) | RetweetUndone(tweet_id=tweet, author_id=author):
                if not viewer.hides(author):
                    yield deleted(tweet, hub.positions.text_of(since))
            case TweetModerated(tweet_id=tweet, author_id=author) if event.hidden and not viewer.hides(author):
                yield deleted(tweet, hub.positions.text_of(since))
            case _:
                pass


def _said_by(hub: Hub, heard: frozenset[int], since: Vector) -> Iterable[_Said]:
    """Return what accounts that are heard have said since."""
    parts = [
        _part(window, place, heard, since[place]) for place, window in hub.windows.items() if place.topic == TWEETS
    ]
    return merge(*parts, key=lambda it: it.event.envelope.occurred_at_ms)


def _part(window: Window, place: TopicPartition, heard: frozenset[int], since: int) -> list[_Said]:
    if since < window.first:
        raise TooMuchMissedError
    found = [(kept.offset, decoded(kept.value)) for kept in window.since(since) if kept.key in heard]
    return [_Said(place, offset, event) for offset, event in found if event is not None]


def missed_notices(hub: Hub, readers: Readers, viewer: Viewer, told: Vector, until: Vector) -> list[Message]:
    """Return the notifications between how far notices were `told` and `until`. Raises TooMuchMissedError.

    `told` is named as in ids, and moves along. May wait, on servers.
    """
    starts = {place: told[place_in_ids(place)] for place in until}
    if any(start < hub.windows[place].first for place, start in starts.items()):
        raise TooMuchMissedError
    if sum(until[place] - start for place, start in starts.items()) > MOST_SEARCHED:
        raise TooMuchMissedError
    found: list[Message] = []
    for place, start in starts.items():
        for kept in hub.windows[place].since(start):
            if kept.offset >= until[place]:
                break
            event = decoded(kept.value)
            for notice in () if event is None else notices_of(event):
                concerns = notice.recipient_id == viewer.user_id and not viewer.hides(notice.actor_id)
                body = live(notice, readers) if concerns else None
                if body is not None:
                    told[place_in_ids(place)] = kept.offset + 1
                    found.append(Message(NOTIFICATION, body, hub.positions.text_of(told)))
    return found
