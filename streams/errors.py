"""What can go wrong between the log and a projection, and what is done about it.

StreamError
├── TransientError     the store cannot take the batch now: the same batch is tried again, nothing is acknowledged
├── PoisonEventError   this record can never be applied: it goes to the dead letters and is passed by
├── CheckpointError    the store's checkpoint is beyond the end of the log: the process stops before it reads
├── GapError           records are missing between the checkpoint and a batch: the process stops
└── AppCrashedError    a Faust app has died: the process stops

TroubleError
└── BeyondTheLogError  what a generation has still to apply was cut off the log: it waits, and the others go on

Whatever is not a TransientError or a PoisonEventError, in this tree or outside it, stops the process without an
acknowledgement; its supervisor starts it again, from the store's checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.log.port import TopicPartition


class StreamError(Exception):
    """Base of what the stream processes raise."""


class TransientError(StreamError):
    """The store, or the dead-letter topic, cannot take writes at the moment."""


class PoisonEventError(StreamError):
    """A record that no number of retries will apply."""


class CheckpointError(StreamError):
    """The store's checkpoint is beyond the end of the log, which has lost records or is not the store's."""


class GapError(StreamError):
    """A batch starts after the checkpoint: what lies between would be lost if it were applied."""


class AppCrashedError(StreamError):
    """A Faust app died of something other than a batch; the message names it, the cause is chained."""


class BeyondTheLogError(TroubleError):
    """A generation is behind the beginning of the log: a replay builds it from the archive, stream workers cannot."""

    def __init__(self, projection: str, place: TopicPartition, done: int, first: int) -> None:
        where = f"{place.topic}/{place.partition}"
        what = f"{projection} is at offset {done:,} of {where}, and the log begins at {first:,}"
        super().__init__(what, f"build it from the archive: `murmur replay {projection}`")


def check_reached(projection: str, done: Mapping[TopicPartition, int], firsts: Mapping[TopicPartition, int]) -> None:
    """Raise BeyondTheLogError where the log, which begins at `firsts`, has not what is to be applied next."""
    for place, first in firsts.items():
        if done.get(place, 0) < first:
            raise BeyondTheLogError(projection, place, done.get(place, 0), first)
