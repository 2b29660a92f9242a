"""What every event carries about itself, whatever it says."""

from __future__ import annotations

from typing import Any

import msgspec

Fields = dict[str, Any]
"""The fields of an event as a record has them, by name."""


class Envelope(msgspec.Struct, frozen=True):
    """Who did it, when, and because of what.

    `event_id` and `occurred_at_ms` (unix milliseconds) name the event and its time; `actor_id` is the account that
    acted (0: the system). `correlation_id` is the request's id, `causation_id` the event that led to this one,
    `traceparent` a W3C trace context. Type and schema version stand outside, in the wire format's schema id.
    """

    event_id: int
    occurred_at_ms: int
    actor_id: int
    correlation_id: str = ""
    causation_id: int | None = None
    traceparent: str = ""


class Event(msgspec.Struct, frozen=True):
    """A fact: past tense, never changed once on the log."""

    envelope: Envelope
