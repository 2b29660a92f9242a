"""Present: the frame of every page, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def pages(member: str, objects: Iterable[bytes], next_member: str, next_value: str | None) -> bytes:
    """Return `{member: [objects], next_member: …, has_more: …}`."""
    tail = b'],"%s":null,"has_more":false}' % next_member.encode()
    if next_value is not None:
        tail = b'],"%s":"%s","has_more":true}' % (next_member.encode(), next_value.encode())
    return b'{"%s":[' % member.encode() + b",".join(objects) + tail
