"""Notifications in streams: told when the projection that lists them has passed the event that they are from.

What is shown, grouped and counted is that projection's; so notices follow the log behind the hub, at the projection's
pace, and have positions of their own in the ids of messages. While nobody listens they go along with the hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.log.port import Position, TopicPartition
from projections.notifications import read_model
from projections.notifications.notices import told
from query_api.live.hub import decoded
from query_api.live.messages import Message
from query_api.notifications import response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from projections.notifications.notices import Notice
    from query_api.live.hub import Hub
    from query_api.live.index import Stream
    from query_api.live.positions import Vector
    from query_api.stores import Stores

PROJECTION = read_model.PROJECTION
NOTIFICATION = b"notification"
_PREFIX = "notices/"
RECORDS_PER_STEP = 500
LOOKED_UP_PER_STEP = 10  # some milliseconds on servers, for which new tweets wait


def place_in_ids(place: TopicPartition) -> TopicPartition:
    """Return the name by which ids of messages tell how far notices of a partition were told."""
    return TopicPartition(_PREFIX + place.topic, place.partition)


def places_in_ids(vector: Mapping[TopicPartition, int]) -> Vector:
    """Return the same of many."""
    return {place_in_ids(place): offset for place, offset in vector.items()}


def from_ids(vector: Mapping[TopicPartition, int]) -> Vector:
    """Return how far notices were told, of what an id says."""
    return {
        TopicPartition(topic.removeprefix(_PREFIX), partition): offset
        for (topic, partition), offset in vector.items()
        if topic.startswith(_PREFIX)
    }


class Notices:
    """Tells notifications; `at` is how far."""

    def __init__(self, hub: Hub, stores: Stores) -> None:
        self._hub = hub
        self._stores = stores
        self.at = dict(hub.at)
        self.listeners = 0  # streams that want notifications

    def reach(self, since: Mapping[TopicPartition, int]) -> Vector:
        """Return how far somebody who was told up to `since` can be told now.

        Where others listen, as far as they were told; else as far as the projection is, or `since` where that is more.
        """
        if self.listeners:
            return dict(self.at)
        applied = self._stores.checkpoints(PROJECTION) or {}
        return {place: max(since[place], min(end, applied.get(place, 0))) for place, end in self._hub.at.items()}

    def is_behind(self, since: Mapping[TopicPartition, int]) -> bool:
        """Tell whether those who listen were told less than that."""
        return bool(self.listeners) and any(self.at[place] < offset for place, offset in since.items())

    def join(self, told: Mapping[TopicPartition, int] | None) -> None:
        """Count one who listens, and was told so far (None: from now on); the first one says where it goes on."""
        if not self.listeners and told is not None:
            for place, offset in told.items():
                self._advance(place, offset)
        self.listeners += 1

    def leave(self) -> None:
        """Count one less."""
        self.listeners -= 1

    def follow(self) -> None:
        """Go along with the hub, where nobody listens."""
        if not self.listeners:
            for place, offset in self._hub.at.items():
                if self.at[place] != offset:
                    self._advance(place, offset)

    def behind(self) -> list[Position]:
        """Return the last records that the hub has read and that notices were not told of."""
        return [Position(*place, end - 1) for place, end in self._hub.at.items() if self.at[place] < end]

    def step(self) -> None:
        """Tell what the projection has passed, some records of it. May wait, on servers; nobody opens a stream then."""
        applied = self._stores.checkpoints(PROJECTION) or {}
        looked_up = 0
        for place, end in self._hub.at.items():
            window = self._hub.windows[place]
            start = max(self.at[place], window.first)
            until = min(end, applied.get(place, 0), start + RECORDS_PER_STEP)
            for kept in window.since(start):
                if kept.offset >= until or looked_up >= LOOKED_UP_PER_STEP:
                    break
                looked_up += self._tell(_notices(kept.value), place, kept.offset + 1)

    def _tell(self, notices: Iterable[Notice], place: TopicPartition, after: int) -> int:
        """Tell those who are here; return how many notices had to be looked up."""
        heard = [(streams, notice) for notice in notices if (streams := self._streams(notice))]
        bodies = [response.live(notice, self._stores.readers()) for _, notice in heard]  # before: a read may fail
        self._advance(place, after)
        for (streams, _), body in zip(heard, bodies, strict=True):
            if body is not None:
                message = Message(NOTIFICATION, body, self._hub.positions.text())
                for stream in streams:
                    self._hub.send(stream, message)
        return len(heard)

    def _streams(self, notice: Notice) -> list[Stream]:
        viewer = self._hub.index.viewers.get(notice.recipient_id)
        if viewer is None or viewer.hides(notice.actor_id):
            return []
        return [stream for stream in viewer.streams if stream.notifications]

    def _advance(self, place: TopicPartition, offset: int) -> None:
        self.at[place] = offset
        self._hub.positions.advance(place_in_ids(place), offset)


def _notices(value: bytes) -> Iterable[Notice]:
    event = decoded(value)
    return () if event is None else told(event)
