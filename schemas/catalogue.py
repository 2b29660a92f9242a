"""Every event, its topic, its key and the schema ids of every released version: one table to read.

Schema ids are the project's own and never change meaning; with a registry configured they are registered there.
A new version adds a file `<Event>.v<n>.avsc`, an id and, where the defaults of its new fields do not say it all, an
upcaster from the version before (docs/schemas.md); old versions stay and decode for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.accounts.events import (
    AccountDeactivated,
    AccountErased,
    AccountReactivated,
    AccountRegistered,
    AccountRestored,
    AccountSuspended,
    ProfileEdited,
    ReachChanged,
    RoleChanged,
    SignedIn,
    VerifiedChanged,
)
from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.media.events import MediaCollected, MediaDescribed, MediaFailed, MediaReady, MediaUploaded
from schemas.moderation.events import (
    AppealDecided,
    Appealed,
    CaseClaimed,
    CaseDecided,
    CaseReleased,
    NoteAdded,
    ReportFiled,
    TextErased,
    TopicDenied,
)
from schemas.notifications import upcasters as notifications
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.operations.events import DeadLettered, ImportAdvanced
from schemas.tweets import upcasters as tweets
from schemas.tweets.events import Retweeted, RetweetUndone, TopicsWithdrawn, TweetDeleted, TweetModerated, TweetPosted

if TYPE_CHECKING:
    from schemas.envelope import Event, Fields

ACCOUNTS = "accounts"
TWEETS = "tweets"
FOLLOWS = "follows"
ENGAGEMENTS = "engagements"
IMPORTS = "imports"
NOTIFICATIONS = "notifications"
MEDIA = "media"
MODERATION = "moderation"
DEAD_LETTERS = "dead-letters"

FACT_TOPICS = (ACCOUNTS, TWEETS, FOLLOWS, ENGAGEMENTS, IMPORTS, NOTIFICATIONS, MEDIA, MODERATION)
DERIVED_TOPICS = (DEAD_LETTERS,)
"""Facts are written by commands, derived topics by streams. Of topic media agents say, too, what became of uploads."""


Upcaster = Callable[["Fields"], "Fields"]
"""Pure: the fields of one version, all of them, to those of the next that are not as their defaults say. Functions of
this kind are in `schemas/<noun>/upcasters.py`."""


ANY = "*"
"""Of a list of texts: in its place stands one empty text where there was any."""


class EventType(NamedTuple):
    """How one event is stored: `versions` maps a schema version, counted from 1, to its schema id.

    `upcasters` maps a version to what makes the next one of it, where that takes more than the defaults of new fields.
    `personal` names the fields that are sealed under a key of the account `subject_field` (empty: `key_field`); for
    lists, it says which text of their items, or ANY (schemas.sealing). Names are only ever added, at the end.
    """

    event: type[Event]
    topic: str
    key_field: str
    versions: dict[int, int]
    upcasters: Mapping[int, Upcaster] = MappingProxyType({})
    personal: Mapping[str, str] = MappingProxyType({})
    subject_field: str = ""


_PICTURE = dict.fromkeys(("file", "blurhash", "poster", "thumbnails"), "")
_PROFILE = dict.fromkeys(("display_name", "bio", "location", "profile_image_url", "banner_image_url"), "")
_TEXT = {"content": "", "hashtags": ANY, "urls": "", "mentions": "username", "place": "", "media": ""}

CATALOGUE: tuple[EventType, ...] = (
    EventType(AccountRegistered, ACCOUNTS, "user_id", {1: 101, 2: 111}, personal={"username": "", **_PROFILE}),
    EventType(ProfileEdited, ACCOUNTS, "user_id", {1: 102, 2: 112}, personal=_PROFILE),
    EventType(SignedIn, ACCOUNTS, "user_id", {1: 103}),
    EventType(AccountDeactivated, ACCOUNTS, "user_id", {1: 121}),
    EventType(AccountReactivated, ACCOUNTS, "user_id", {1: 122}),
    EventType(AccountErased, ACCOUNTS, "user_id", {1: 123}),
    EventType(AccountSuspended, ACCOUNTS, "user_id", {1: 104}),
    EventType(AccountRestored, ACCOUNTS, "user_id", {1: 105}),
    EventType(VerifiedChanged, ACCOUNTS, "user_id", {1: 106}),
    EventType(RoleChanged, ACCOUNTS, "user_id", {1: 107}),
    EventType(ReachChanged, ACCOUNTS, "user_id", {1: 108}),
    EventType(
        TweetPosted, TWEETS, "author_id", {1: 201, 2: 211, 3: 221}, {2: tweets.posted_without_media}, personal=_TEXT
    ),
    EventType(TweetDeleted, TWEETS, "author_id", {1: 202}),
    EventType(Retweeted, TWEETS, "author_id", {1: 203}),
    EventType(RetweetUndone, TWEETS, "author_id", {1: 204}),
    EventType(TweetModerated, TWEETS, "author_id", {1: 205}),
    EventType(TopicsWithdrawn, TWEETS, "author_id", {1: 206}, personal={"topics": ""}),
    EventType(Followed, FOLLOWS, "user_id", {1: 301}),
    EventType(Unfollowed, FOLLOWS, "user_id", {1: 302}),
    EventType(Blocked, FOLLOWS, "user_id", {1: 303}),
    EventType(Unblocked, FOLLOWS, "user_id", {1: 304}),
    EventType(Muted, FOLLOWS, "user_id", {1: 305}),
    EventType(Unmuted, FOLLOWS, "user_id", {1: 306}),
    EventType(Liked, ENGAGEMENTS, "tweet_id", {1: 401}),
    EventType(Unliked, ENGAGEMENTS, "tweet_id", {1: 402}),
    EventType(Bookmarked, ENGAGEMENTS, "tweet_id", {1: 403}),
    EventType(Unbookmarked, ENGAGEMENTS, "tweet_id", {1: 404}),
    EventType(NotificationsRead, NOTIFICATIONS, "user_id", {1: 501}),
    EventType(NotificationsSwitched, NOTIFICATIONS, "user_id", {1: 502, 2: 512}, {1: notifications.switched_by_kind}),
    EventType(MediaUploaded, MEDIA, "owner_id", {1: 601}, personal={"sha256": "", "alt_text": ""}),
    EventType(MediaReady, MEDIA, "owner_id", {1: 602}, personal=_PICTURE),
    EventType(MediaFailed, MEDIA, "owner_id", {1: 603}),
    EventType(MediaDescribed, MEDIA, "owner_id", {1: 604}, personal={"alt_text": ""}),
    EventType(MediaCollected, MEDIA, "owner_id", {1: 605}),
    EventType(ReportFiled, MODERATION, "subject_id", {1: 701}, personal={"comment": ""}, subject_field="reporter_id"),
    EventType(CaseClaimed, MODERATION, "subject_id", {1: 702}),
    EventType(CaseReleased, MODERATION, "subject_id", {1: 703}),
    EventType(NoteAdded, MODERATION, "subject_id", {1: 704}),
    EventType(CaseDecided, MODERATION, "subject_id", {1: 705}),
    EventType(Appealed, MODERATION, "subject_id", {1: 706}, personal={"text": ""}, subject_field="user_id"),
    EventType(AppealDecided, MODERATION, "subject_id", {1: 707}),
    EventType(TextErased, MODERATION, "subject_id", {1: 709}),
    EventType(TopicDenied, MODERATION, "subject_id", {1: 708}),
    EventType(ImportAdvanced, IMPORTS, "source_key", {1: 901}),
    EventType(DeadLettered, DEAD_LETTERS, "partition", {1: 902}),
)

BY_EVENT: dict[type[Event], EventType] = {entry.event: entry for entry in CATALOGUE}
BY_SCHEMA_ID: dict[int, EventType] = {schema_id: entry for entry in CATALOGUE for schema_id in entry.versions.values()}


@cache
def avro_schema(event: type[Event], version: int) -> dict[str, Any]:
    """Return the released Avro schema of one version of an event, as JSON."""
    noun = event.__module__.rsplit(".", 2)[-2]
    source = resources.files(f"schemas.{noun}") / f"{event.__name__}.v{version}.avsc"
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return schema
