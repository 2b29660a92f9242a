"""What streams are told, as bytes: each message is written once in each form, however many streams it goes to."""

from __future__ import annotations

import orjson


class Message:
    """A message: its kind, its id (empty: it moves nothing), and its data, which is JSON."""

    __slots__ = ("_event", "_frame", "_text", "data", "event_id")

    def __init__(self, event: bytes, data: bytes, event_id: str = "") -> None:
        self._event = event
        self._frame = b""
        self._text = ""
        self.data = data
        self.event_id = event_id

    def frame(self) -> bytes:
        """Return it as an event of an event stream (WHATWG HTML §9.2)."""
        if not self._frame:
            named = b"id: %s\n" % self.event_id.encode() if self.event_id else b""
            self._frame = b"%sevent: %s\ndata: %s\n\n" % (named, self._event, self.data)
        return self._frame

    def text(self) -> str:
        """Return it as the text of a WebSocket message."""
        if not self._text:
            named = b'"id":"%s",' % self.event_id.encode() if self.event_id else b""
            self._text = (b'{%s"event":"%s","data":%s}' % (named, self._event, self.data)).decode()
        return self._text


class Heartbeat(Message):
    """Tells that the stream lives, and how far the log was read; an event stream dispatches nothing for it."""

    def __init__(self, event_id: str) -> None:
        super().__init__(b"heartbeat", b"{}", event_id)

    def frame(self) -> bytes:
        """Return a comment, and the id by itself."""
        return b":\nid: %s\n\n" % self.event_id.encode()


def of(event: str, data: dict[str, object], event_id: str = "") -> Message:
    """Return a message of few words."""
    return Message(event.encode(), orjson.dumps(data), event_id)
