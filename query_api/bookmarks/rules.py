"""Rules of bookmarks: the viewer chose each, so a mute does not hide it; a block and a deletion do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_api.tweets import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.engagement.read_model import Mark
    from query_api.tweets.rules import Shown


def visible(marks: Sequence[Mark], known: Mapping[int, Shown], *, blocked: frozenset[int]) -> list[tuple[Mark, Shown]]:
    """Return the bookmarks that show."""
    shown = dict(rules.visible([mark.id for mark in marks], known, blocked))
    return [(mark, shown[mark.id]) for mark in marks if mark.id in shown]
