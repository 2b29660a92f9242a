"""Who is quarantined: above the spam threshold within the last week, and not decided about since.

A quarantine limits the reach of an account and puts it before the moderators; it hides and deletes nothing. It ends
with a decision about the account, or a week after the last tweet that was above the threshold, by the reader's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.spam.read_model import FLOOR, QUARANTINE_MS, TENTHS

if TYPE_CHECKING:
    from query_api.stores import Readers

LOOK_MS = 500


class Quarantine:
    """Looks every LOOK_MS at most; `flagged`: who is quarantined, since which time."""

    def __init__(self, threshold: float) -> None:
        """`threshold`: 0 to 1; 0: nobody ever is."""
        self.tenths = max(FLOOR, int(threshold * TENTHS + 1e-9)) if threshold else 0
        self.flagged: dict[int, int] = {}
        self._looked_at_ms = -LOOK_MS

    def look_anew(self) -> None:
        """Look at the next occasion, however short ago the last look was."""
        self._looked_at_ms = -LOOK_MS

    def look(self, readers: Readers, now_ms: int) -> None:
        """Follow who is, and tell the standings. May wait, on servers."""
        if not self.tenths or 0 <= now_ms - self._looked_at_ms < LOOK_MS:
            return
        self._looked_at_ms = now_ms
        flagged = readers.spam.flagged(self.tenths, now_ms - QUARANTINE_MS)
        cases = readers.moderation.cases(flagged) if flagged else {}
        self.flagged = {
            user_id: at_ms
            for user_id, at_ms in flagged.items()
            if user_id not in cases or cases[user_id].decided_ms < at_ms
        }
        readers.standings.quarantine(frozenset(self.flagged))
