"""Rules: who moderates, and which cases of the queue are asked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.http.problems import Problem
from projections.accounts.read_model import ADMIN, MODERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.accounts.read_model import Standing
    from projections.moderation.read_model import Entry
    from query_api.moderation.hydrate import Summary

HELD = ("any", "me", "nobody")


def check_moderator(standing: Standing) -> None:
    """Refuse who does not moderate as the role stands now, whatever the token says."""
    if standing.role not in {MODERATOR, ADMIN}:
        raise Problem("not_a_moderator")


class Wanted(NamedTuple):
    """Which cases are asked for: empty is any."""

    status: str
    kind: str
    reason: str
    held: str
    moderator_id: int

    def has(self, found: Summary) -> bool:
        """Tell whether a case is among them."""
        case = found.case
        holder = {"any": case.claimed_by, "me": self.moderator_id, "nobody": 0}[self.held]
        return (
            (not self.status or case.status == self.status)
            and (not self.kind or case.subject_kind == self.kind)
            and (not self.reason or self.reason in found.reasons)
            and case.claimed_by == holder
        )


def standing_here(
    entries: Sequence[Entry], found: Mapping[int, Summary], *, wanted: Wanted
) -> list[tuple[Entry, Summary]]:
    """Return the cases that stand at these entries, not at later ones, of those that are asked for."""
    known = ((entry, found.get(entry.subject_id)) for entry in entries)
    return [(entry, it) for entry, it in known if it and it.case.queued_ms == entry.at_ms and wanted.has(it)]
