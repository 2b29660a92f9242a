"""Decides what an event changes about a profile.

Consumes:   AccountRegistered, ProfileEdited; SignedIn says nothing about a profile and is passed over
Writes:     nothing itself; returns Account (put it, where there is none) and EditAccount for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each account's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from projections.accounts.read_model import Account
from schemas.accounts.events import AccountRegistered, ProfileEdited, SignedIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event

ACTIVE = "ACTIVE"


class EditAccount(NamedTuple):
    """Set the fields that are not None."""

    user_id: int
    display_name: str | None
    bio: str | None
    location: str | None
    profile_image_url: str | None
    banner_image_url: str | None


Fact = AccountRegistered | ProfileEdited | SignedIn
Write = Account | EditAccount


def project(events: Sequence[Event]) -> list[Write]:
    """Return the writes of a batch, those of one type together: an edit follows its account's registration anyway."""
    registered: list[Write] = []
    edited: list[Write] = []
    for event in cast("Sequence[Fact]", events):
        match event:
            case AccountRegistered():
                registered.append(_account(event))
            case ProfileEdited():
                edited.append(_edit(event))
            case SignedIn():
                pass
            case _:
                assert_never(event)
    return registered + edited


def _account(event: AccountRegistered) -> Account:
    return Account(
        user_id=event.user_id,
        username=event.username,
        display_name=event.display_name,
        bio=event.bio,
        location=event.location,
        profile_image_url=event.profile_image_url,
        banner_image_url=event.banner_image_url,
        verified=False,
        status=ACTIVE,
        created_at_ms=event.envelope.occurred_at_ms,
    )


def _edit(event: ProfileEdited) -> EditAccount:
    return EditAccount(
        user_id=event.user_id,
        display_name=event.display_name,
        bio=event.bio,
        location=event.location,
        profile_image_url=event.profile_image_url,
        banner_image_url=event.banner_image_url,
    )
