"""Present: the frame of every page. Answers are lists of parts until they are joined, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def page(member: str, objects: Sequence[bytes], next_member: str, next_value: str | None) -> bytes:
    """Return `{member: [objects], next_member: …, has_more: …}`; there is more where there is a next value.

    `objects` are parts of objects, commas included.
    """
    tail = f'],"{next_member}":null,"has_more":false}}'
    if next_value is not None:
        tail = f'],"{next_member}":"{next_value}","has_more":true}}'
    return b"".join([f'{{"{member}":['.encode(), *objects, tail.encode()])
