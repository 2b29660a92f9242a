"""What can go wrong between the log and a projection, and what is done about it.

StreamError
├── TransientError     the store cannot take the batch now: the same batch is tried again, nothing is acknowledged
├── PoisonEventError   this record can never be applied: it goes to the dead letters and is passed by
├── CheckpointError    the store's checkpoint is beyond the end of the log: the process stops before it reads
├── GapError           records are missing between the checkpoint and a batch: the process stops
└── AppCrashedError    a Faust app has died: the process stops

Whatever is not a TransientError or a PoisonEventError, in this tree or outside it, stops the process without an
acknowledgement; its supervisor starts it again, from the store's checkpoint.
"""

from __future__ import annotations


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
