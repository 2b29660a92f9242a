"""Decides what an event changes about a profile.

Consumes:   AccountRegistered, ProfileEdited, AccountDeactivated, AccountReactivated, AccountErased, AccountSuspended,
            AccountRestored, VerifiedChanged, RoleChanged, ReachChanged; SignedIn says nothing about a profile and is
            passed over
Writes:     nothing itself; returns Account (put it, where there is none) and EditAccount for the store
Guarantee:  the same events give the same writes; no clock, no I/O
Rebuild:    safe from position 0, in any interleaving that keeps each account's order
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never, cast

from projections.accounts.read_model import ACTIVE, DELETED, FOREVER_MS, USER, Account
from schemas.accounts.events import (
    AccountDeactivated,
    AccountErased,
    AccountReactivated,
    AccountRegistered,
    AccountRestored,
    AccountSuspended,
    ProfileEdited,
    ReachChanged,
    RoleChanged,
    SignedIn,
    VerifiedChanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Event


class EditAccount(NamedTuple):
    """Set the fields that are not None."""

    user_id: int
    display_name: str | None = None
    bio: str | None = None
    location: str | None = None
    profile_image_url: str | None = None
    banner_image_url: str | None = None
    verified: bool | None = None
    status: str | None = None
    role: str | None = None
    suspended_until_ms: int | None = None
    limited: bool | None = None
    username: str | None = None
    suspended_reason: str | None = None
    suspended_case: int | None = None

    @property
    def decided(self) -> bool:
        """Whether it is what others decided about the account."""
        return any(it is not None for it in (self.status, self.role, self.suspended_until_ms, self.limited))


Closing = AccountDeactivated | AccountReactivated | AccountErased
Decided = AccountSuspended | AccountRestored | VerifiedChanged | RoleChanged | ReachChanged
Fact = AccountRegistered | ProfileEdited | SignedIn | Closing | Decided
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
            case AccountDeactivated() | AccountReactivated() | AccountErased():
                edited.append(_closing(event))
            case _:
                edited.append(_decided(event))
    return registered + edited


def _decided(event: Decided) -> EditAccount:
    match event:
        case AccountSuspended():
            return _suspended(event.user_id, event.until_ms or FOREVER_MS, event.reason, event.case_id)
        case AccountRestored():
            return _suspended(event.user_id, 0, "", 0)
        case VerifiedChanged():
            return EditAccount(event.user_id, verified=event.verified)
        case RoleChanged():
            return EditAccount(event.user_id, role=event.role)
        case ReachChanged():
            return EditAccount(event.user_id, limited=event.limited)
        case _:
            assert_never(event)


def _suspended(user_id: int, until_ms: int, reason: str, case_id: int) -> EditAccount:
    return EditAccount(user_id, suspended_until_ms=until_ms, suspended_reason=reason, suspended_case=case_id)


def _closing(event: Closing) -> EditAccount:
    match event:
        case AccountDeactivated():
            return EditAccount(event.user_id, status=DELETED)
        case AccountReactivated():
            return EditAccount(event.user_id, status=ACTIVE)
        case AccountErased():
            return EditAccount(event.user_id, "", "", "", "", "", False, DELETED, USER, 0, False, "", "", 0)
        case _:
            assert_never(event)


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
