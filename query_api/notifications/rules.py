"""Rules: which notifications show, and with whom. Pure.

* An actor whom the viewer blocks, is blocked by or has muted is neither shown nor counted.
* What is about a tweet that is gone, or that the viewer may not see, does not show.
* A group shows at the minute of its newest notice that shows, and at no other.
* A kind that is switched off does not show at all while it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.notifications.read_model import MINUTE_MS, Group
from query_api.tweets.rules import visible as visible_tweets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from projections.notifications.read_model import Did, Entry, Wishes
    from query_api.tweets.rules import Shown

ACTORS_COUNTED = 100
"""Actors of a group that are read, and so counted: a page costs the same whether a hundred or a million liked."""
ACTORS_SHOWN = 5
DEEPEST = 1_000
"""Actors of a group among which one is looked for that shows, where the newest hundred are all hidden."""


class Facts(NamedTuple):
    """What is known of the groups of a page: their notices, and the tweets that they are about, each alone."""

    groups: Mapping[Group, Sequence[Did]]
    tweets: Mapping[int, Shown]


class Viewer(NamedTuple):
    """Whom the viewer does not see, what was read, which kinds are asked for."""

    hidden: frozenset[int]
    wishes: Wishes
    kinds: frozenset[int]


class Item(NamedTuple):
    """A notification that shows; `actor_ids` newest first, `more` than these may be there."""

    group: Group
    at_ms: int
    actor_ids: list[int]
    more: bool
    tweet: Shown | None
    read: bool


def visible(entries: Sequence[Entry], facts: Facts, *, viewer: Viewer) -> list[tuple[Entry, Item]]:
    """Return the entries that show, each with its notification."""
    shown: list[tuple[Entry, Item]] = []
    known: dict[Group, Item | None] = {}
    for entry in entries:
        group = entry.group
        if group not in known:
            known[group] = item(group, facts, viewer)
        found = known[group]
        if found is not None and found.at_ms // MINUTE_MS == entry.minute:
            shown.append((entry, found))
    return shown


def unread(entries: Sequence[Entry], facts: Facts, *, viewer: Viewer) -> list[tuple[Entry, Item]]:
    """Return those that are not read."""
    return [(entry, found) for entry, found in visible(entries, facts, viewer=viewer) if not found.read]


def item(group: Group, facts: Facts, viewer: Viewer) -> Item | None:
    """Return what shows of a group."""
    if group.kind not in viewer.kinds:
        return None
    tweet = None
    if group.tweet_id:
        tweets = visible_tweets([group.tweet_id], facts.tweets, viewer.hidden)
        if not tweets:
            return None
        tweet = tweets[0][1]
    notices = facts.groups.get(group, ())
    standing = [did for did in notices if did.actor_id not in viewer.hidden]
    if not standing:
        return None
    newest, actors = standing[0].at_ms, [did.actor_id for did in standing]
    more = len(notices) > ACTORS_COUNTED
    return Item(group, newest, actors[:ACTORS_COUNTED], more, tweet, newest <= viewer.wishes.read_up_to_ms)


def nobody_shows(notices: Collection[Did], hidden: frozenset[int]) -> bool:
    """Tell whether the newest notices of a group are all hidden, and there are more."""
    return len(notices) > ACTORS_COUNTED and all(did.actor_id in hidden for did in notices)
