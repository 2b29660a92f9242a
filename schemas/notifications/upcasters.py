"""What makes the next version of an old fact about notifications, where defaults do not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.envelope import Fields


def switched_by_kind(fields: Fields) -> Fields:
    """NotificationsSwitched 1 to 2: two lists become one map; a kind that both lists name was switched off."""
    others = {name: value for name, value in fields.items() if name not in {"on", "off"}}
    return {**others, "wanted": {**dict.fromkeys(fields["on"], True), **dict.fromkeys(fields["off"], False)}}
