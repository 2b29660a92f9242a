"""Decides what an event says of images and videos: what they are, and where they are used.

Consumes:   MediaUploaded, MediaReady, MediaFailed, MediaDescribed, MediaCollected; of TweetPosted and ProfileEdited
            what they attach, TweetDeleted, TweetModerated, AccountErased; the rest of those topics is passed over
Writes:     nothing itself; returns the NamedTuples below for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each key's order: each topic has tables of its own
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from projections.media.read_model import Slot, State
from schemas.accounts.events import AccountErased, ProfileEdited
from schemas.media.events import ERASED, MediaCollected, MediaDescribed, MediaFailed, MediaReady, MediaUploaded
from schemas.media.paths import media_id_of
from schemas.tweets.events import TweetDeleted, TweetModerated, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.envelope import Event


class Put(NamedTuple):
    """It was uploaded."""

    media_id: int
    owner_id: int
    at_ms: int
    content_type: str
    size: int
    alt_text: str


class Settle(NamedTuple):
    """It is ready or has failed."""

    media_id: int
    state: int
    kind: str = ""
    file: str = ""
    served_type: str = ""
    served_size: int = 0
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    blurhash: str = ""
    poster: str = ""
    thumbnails: bytes = b"[]"
    reason: str = ""


class Describe(NamedTuple):
    """Its owner said what is to be seen."""

    media_id: int
    alt_text: str


class Collect(NamedTuple):
    """Its bytes are not kept any more."""

    media_id: int
    at_ms: int


class Blank(NamedTuple):
    """What its owner said and what it looked like is not known any more."""

    media_id: int


class Attach(NamedTuple):
    """A tweet has it."""

    media_id: int
    tweet_id: int


class TweetGone(NamedTuple):
    """A tweet, with or without media, was deleted."""

    tweet_id: int
    at_ms: int


class Hide(NamedTuple):
    """Moderators have hidden a tweet, with or without media, or show it again."""

    tweet_id: int
    hidden: bool


class SetSlot(NamedTuple):
    """The owner's picture or banner is this one from now on; 0: none of ours."""

    owner_id: int
    slot: int
    media_id: int
    at_ms: int


Write = Put | Settle | Describe | Collect | Blank | Attach | TweetGone | Hide | SetSlot


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, in the order of its events."""
    return [write for event in events for write in _writes(event)]


def _writes(event: Event) -> Iterator[Write]:
    match event:
        case TweetPosted():
            for media_id in event.media_ids:
                yield Attach(media_id, event.tweet_id)
        case TweetDeleted():
            yield TweetGone(event.tweet_id, event.envelope.occurred_at_ms)
        case TweetModerated():
            yield Hide(event.tweet_id, event.hidden)
        case ProfileEdited():
            yield from _slots(event)
        case AccountErased():
            for slot in Slot:
                yield SetSlot(event.user_id, slot, 0, event.envelope.occurred_at_ms)
        case _:
            yield from _of_media(event)


def _of_media(event: Event) -> Iterator[Write]:
    match event:
        case MediaUploaded():
            sent = event.content_type, event.size, event.alt_text
            yield Put(event.media_id, event.owner_id, event.envelope.occurred_at_ms, *sent)
        case MediaReady():
            yield _settled(event)
        case MediaFailed():
            yield Settle(event.media_id, State.FAILED, reason=event.reason)
        case MediaDescribed():
            yield Describe(event.media_id, event.alt_text)
        case MediaCollected():
            yield Collect(event.media_id, event.envelope.occurred_at_ms)
            if event.reason == ERASED:
                yield Blank(event.media_id)
        case _:
            pass


def _settled(event: MediaReady) -> Settle:
    return Settle(
        media_id=event.media_id,
        state=State.READY,
        kind=event.kind,
        file=event.file,
        served_type=event.content_type,
        served_size=event.size,
        width=event.width,
        height=event.height,
        duration_ms=event.duration_ms,
        blurhash=event.blurhash,
        poster=event.poster,
        thumbnails=msgspec.json.encode(event.thumbnails),
    )


def _slots(event: ProfileEdited) -> Iterator[SetSlot]:
    for slot, url in ((Slot.PROFILE, event.profile_image_url), (Slot.BANNER, event.banner_image_url)):
        if url is not None:
            yield SetSlot(event.user_id, slot, media_id_of(url) or 0, event.envelope.occurred_at_ms)
