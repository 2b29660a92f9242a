"""Present: notifications as bytes, on a page and alone (as the live stream and push send them)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from infra.clock import rfc3339
from projections.notifications.read_model import KINDS, Kind
from query_api.notifications.hydrate import item_of, page_of
from query_api.notifications.rules import ACTORS_SHOWN
from query_api.pages import page as frame
from query_api.tweets.response import tweet_object
from query_api.users.response import unknown_author_members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.notifications.notices import Notice
    from projections.notifications.read_model import Wishes
    from query_api.notifications.hydrate import Page
    from query_api.notifications.rules import Item
    from query_api.stores import Readers

_BOOL = (b"false", b"true")
_NOTIFICATION = (
    b'{"notification_id":"%s","kind":"%s","tweet":%s,"actors":[{%s}],"actors_count":%d,"actors_more":%s,'
    b'"created_at":"%s","read":%s}'
)


def notifications(items: Sequence[Item], shown: Page, next_cursor: str | None) -> bytes:
    """Return a page."""
    objects = b",".join([notification(item, shown) for item in items])
    return frame("notifications", [objects], "next_cursor", next_cursor)


def notification(item: Item, shown: Page) -> bytes:
    """Return one notification."""
    actors = b"},{".join([shown.actors.get(it) or unknown_author_members(it) for it in item.actor_ids[:ACTORS_SHOWN]])
    return _NOTIFICATION % (
        item.group.name.encode(),
        Kind(item.group.kind).word.encode(),
        b"null" if item.tweet is None else tweet_object(item.tweet, shown.hydrated),
        actors,
        len(item.actor_ids),
        _BOOL[item.more],
        rfc3339(item.at_ms).encode(),
        _BOOL[item.read],
    )


def live(notice: Notice, readers: Readers) -> bytes | None:
    """Return the notification that a notice belongs to, as a page would show it now; None where it is no news.

    The readers must have passed the event that the notice is from.
    """
    item = item_of(notice, readers)
    return None if item is None else notification(item, page_of([item], readers, notice.recipient_id))


def unread(count: int, *, more: bool) -> bytes:
    """Return how many are not read."""
    return orjson.dumps({"unread_count": count, "more": more})


def preferences(wishes: Wishes) -> bytes:
    """Return which kinds are on, and what was read."""
    read_up_to = rfc3339(wishes.read_up_to_ms) if wishes.read_up_to_ms else None
    kinds = {word: kind not in wishes.off for word, kind in KINDS.items()}
    return orjson.dumps({"kinds": kinds, "read_up_to": read_up_to})
