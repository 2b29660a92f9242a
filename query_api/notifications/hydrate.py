"""Hydrate: what the rules need to know of a page of groups, and what the page shows of accounts and tweets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.notifications.read_model import Did, Kind
from query_api.notifications import rules
from query_api.tweets.hydrate import details

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from projections.notifications.notices import Notice
    from projections.notifications.read_model import Entry, Group
    from query_api.notifications.rules import Facts, Item, Viewer
    from query_api.stores import Readers
    from query_api.tweets.hydrate import Hydrated

ALL_KINDS = frozenset(int(kind) for kind in Kind)


class Page(NamedTuple):
    """What a page shows beside the groups: its tweets, and its actors' fragments."""

    hydrated: Hydrated
    actors: Mapping[int, bytes]


def viewer_of(readers: Readers, user_id: int, kinds: Collection[int] = ALL_KINDS) -> Viewer:
    """Return how a viewer looks at notifications."""
    wishes = readers.notifications.wishes(user_id)
    hidden = readers.hidden(user_id)
    return rules.Viewer(readers.standings.gone.union(*hidden), wishes, frozenset(kinds) - wishes.off)


def facts(entries: Sequence[Entry], readers: Readers, user_id: int, viewer: Viewer) -> Facts:
    """Return what the rules need to know."""
    return facts_of({entry.group for entry in entries}, readers, user_id, viewer)


def facts_of(groups: Collection[Group], readers: Readers, user_id: int, viewer: Viewer) -> Facts:
    """Return the same of groups."""
    wanted = [group for group in groups if group.kind in viewer.kinds]
    found = readers.notifications.groups(user_id, wanted, rules.ACTORS_COUNTED + 1)
    deeper = [group for group, notices in found.items() if rules.nobody_shows(notices, viewer.hidden)]
    if deeper:
        found |= readers.notifications.groups(user_id, deeper, rules.DEEPEST)
    tweets = readers.hydrate_tweets.load({group.tweet_id for group in found if group.tweet_id})
    return rules.Facts(found, tweets)


def page_of(items: Sequence[Item], readers: Readers, viewer_id: int) -> Page:
    """Return what a page shows."""
    tweets = [item.tweet for item in items if item.tweet is not None]
    actors = {actor_id for item in items for actor_id in item.actor_ids[: rules.ACTORS_SHOWN]}
    return Page(details(tweets, viewer_id, readers), readers.hydrate_authors.load(actors))


def item_of(notice: Notice, readers: Readers) -> Item | None:
    """Return the notification that a notice belongs to, as its recipient sees it now; None where it is no news.

    That is: it does not show, was taken back, or had been said before.
    """
    group, did = notice.group, Did(notice.at_ms, notice.actor_id)
    viewer = viewer_of(readers, notice.recipient_id)
    if notice.actor_id in viewer.hidden or group.kind not in viewer.kinds:
        return None
    known = facts_of([group], readers, notice.recipient_id, viewer)
    return rules.item(group, known, viewer) if did in known.groups.get(group, ()) else None
