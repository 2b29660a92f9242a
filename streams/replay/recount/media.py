"""Recounts media: what became of each upload, and where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from schemas.accounts.events import AccountErased, ProfileEdited
from schemas.ids import from_uuid
from schemas.media.events import MediaCollected, MediaDescribed, MediaFailed, MediaReady, MediaUploaded
from schemas.tweets.events import TweetDeleted, TweetModerated, TweetPosted
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.media.read_model import MediaReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

PROCESSING, READY, FAILED = range(3)
SERVED = ("kind", "file", "width", "height", "duration_ms", "blurhash", "poster")
LIST_LIMIT = 200
OF_MEDIA = (MediaUploaded, MediaReady, MediaFailed, MediaDescribed, MediaCollected)


class MediaRecount:
    """What the accounts in the sample own."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        ProfileEdited,
        AccountErased,
        MediaUploaded,
        MediaReady,
        MediaFailed,
        MediaDescribed,
        MediaCollected,
        TweetPosted,
        TweetDeleted,
        TweetModerated,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._media: dict[int, dict[str, Any]] = {}
        self._tweet_of: dict[int, int] = {}
        self._gone: dict[int, int] = {}
        self._hidden: dict[int, bool] = {}
        self._shown: dict[tuple[int, str], int] = {}

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, TweetPosted):
            self._tweet_of |= {it: event.tweet_id for it in event.media_ids if it not in self._tweet_of}
        elif isinstance(event, TweetDeleted):
            self._gone.setdefault(event.tweet_id, event.envelope.occurred_at_ms)
        elif isinstance(event, TweetModerated):
            self._hidden[event.tweet_id] = event.hidden
        elif isinstance(event, ProfileEdited):
            for name in ("profile_image_url", "banner_image_url"):
                if (url := getattr(event, name)) is not None:
                    self._shown[event.user_id, name] = _named_in(url)
        elif isinstance(event, AccountErased):
            self._shown |= {(event.user_id, "profile_image_url"): 0, (event.user_id, "banner_image_url"): 0}
        elif isinstance(event, OF_MEDIA) and self._sample.has_user(event.owner_id):
            self._said.note(place, offset, event.owner_id)
            self._take(event)

    def _take(self, event: MediaUploaded | MediaReady | MediaFailed | MediaDescribed | MediaCollected) -> None:
        if isinstance(event, MediaUploaded):
            sent = {"owner": event.owner_id, "alt": event.alt_text, "sent": event.content_type, "state": PROCESSING}
            self._media.setdefault(event.media_id, {**sent, "reason": "", "collected": 0})
            return
        known = self._media.get(event.media_id, {})
        if isinstance(event, MediaReady):
            thumbnails = [msgspec.to_builtins(it) for it in event.thumbnails]
            known |= {**{name: getattr(event, name) for name in SERVED}, "thumbnails": thumbnails, "state": READY}
        elif isinstance(event, MediaFailed):
            for name in (*SERVED, "thumbnails"):  # should it have been ready before
                known.pop(name, None)
            known |= {"state": FAILED, "reason": event.reason}
        elif isinstance(event, MediaDescribed):
            known["alt"] = event.alt_text
        elif isinstance(event, MediaCollected):
            known["collected"] = event.envelope.occurred_at_ms
            if event.reason == "erased":
                known["alt"] = ""
                known |= {"file": "", "blurhash": "", "poster": "", "thumbnails": []} if "file" in known else {}

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._media)

    def differences(self, reader: MediaReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        found, uses = reader.many(list(self._media)), reader.uses(list(self._media))
        shown = {(owner, media_id) for (owner, _), media_id in self._shown.items() if media_id}
        for media_id, expected in self._media.items():
            told = media_id in found and _told(found[media_id], expected)
            if told != expected:
                yield self._said.difference(f"media {media_id} of", expected["owner"], expected, told)
            tweet = self._tweet_of.get(media_id, 0)
            use = (
                tweet,
                self._gone.get(tweet, 0),
                (expected["owner"], media_id) in shown,
                self._hidden.get(tweet, False),
            )
            if use != (answered := tuple(uses.get(media_id, (0, 0, False, False)))):
                yield self._said.difference(f"use of media {media_id} of", expected["owner"], use, answered)
        for owner in {it["owner"] for it in self._media.values()}:
            newest = sorted((it for it, media in self._media.items() if media["owner"] == owner), reverse=True)
            if newest[:LIST_LIMIT] != (listed := reader.of_owner(owner, None, LIST_LIMIT)):
                yield self._said.difference("media of", owner, newest[:LIST_LIMIT], listed)


def _told(row: Any, expected: dict[str, Any]) -> dict[str, Any]:
    told = {"owner": row.owner_id, "alt": row.alt_text, "sent": row.content_type, "state": row.state}
    told |= {"reason": row.reason, "collected": row.collected_at_ms}
    if "file" in expected:
        told |= {name: getattr(row, name) for name in SERVED}
        told["thumbnails"] = msgspec.json.decode(row.thumbnails)
    return told


def _named_in(url: str) -> int:
    parts = url.split("/")
    return (len(parts) == 5 and parts[1:3] == ["media", "files"] and from_uuid(parts[3])) or 0  # noqa: PLR2004 - /media/files/<id>/<file>
