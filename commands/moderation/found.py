"""What moderation commands must know before they are decided, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from projections.moderation.read_model import Case


class Subject(NamedTuple):
    """A tweet or an account that is reported, and whose it is."""

    subject_id: int
    kind: str
    owner_id: int


class CaseFound(NamedTuple):
    """A case, who holds it (None: nobody), and the roles of the moderator and of whom it is about."""

    case: Case
    holder: int | None
    role: str
    owner_role: str
