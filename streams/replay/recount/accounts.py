"""Recounts accounts: the profile as its owner left it, what others decided, and the name that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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
    VerifiedChanged,
)
from streams.replay.recount.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.log.port import TopicPartition
    from projections.accounts.read_model import AccountsReader
    from schemas.envelope import Event
    from streams.replay.findings import Finding
    from streams.replay.sample import Sample

WITHOUT_END = 2**62
FREE = {"suspended_until": 0, "suspended_for": ("", 0)}
EDITABLE = ("display_name", "bio", "location", "profile_image_url", "banner_image_url")


class AccountsRecount:
    """Accounts in the sample."""

    READS: ClassVar[tuple[type[Event], ...]] = (
        AccountRegistered,
        ProfileEdited,
        AccountDeactivated,
        AccountReactivated,
        AccountErased,
        AccountSuspended,
        AccountRestored,
        VerifiedChanged,
        RoleChanged,
        ReachChanged,
    )

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._said = Said()
        self._profiles: dict[int, dict[str, Any]] = {}

    def take(self, place: TopicPartition, offset: int, event: Event) -> None:
        """Remember what an event says of the entities in the sample."""
        if isinstance(event, AccountRegistered) and self._sample.has_user(event.user_id):
            self._said.note(place, offset, event.user_id)
            first = {name: getattr(event, name) for name in ("username", *EDITABLE)}
            registered = {**first, "verified": False, "status": "ACTIVE", "created": event.envelope.occurred_at_ms}
            registered |= {"role": "user", "limited": False, **FREE}
            self._profiles.setdefault(event.user_id, registered)
        elif isinstance(event, ProfileEdited) and event.user_id in self._profiles:
            self._said.note(place, offset, event.user_id)
            for name in EDITABLE:
                if getattr(event, name) is not None:
                    self._profiles[event.user_id][name] = getattr(event, name)
        else:
            self._take_decision(place, offset, event)

    def _take_decision(self, place: TopicPartition, offset: int, event: Event) -> None:
        said: dict[str, Any]
        match event:
            case AccountSuspended():
                until_ms, why = event.until_ms or WITHOUT_END, (event.reason, event.case_id)
                said = {"suspended_until": until_ms, "suspended_for": why}
            case AccountRestored():
                said = dict(FREE)
            case VerifiedChanged():
                said = {"verified": event.verified}
            case RoleChanged():
                said = {"role": event.role}
            case ReachChanged():
                said = {"limited": event.limited}
            case AccountDeactivated():
                said = {"status": "DELETED"}
            case AccountReactivated():
                said = {"status": "ACTIVE"}
            case AccountErased():
                said = {**dict.fromkeys(("username", *EDITABLE), ""), "verified": False, "status": "DELETED"}
                said |= {"role": "user", "limited": False, **FREE}
            case _:
                return
        if event.user_id in self._profiles:
            self._said.note(place, offset, event.user_id)
            self._profiles[event.user_id] |= said

    def entities(self) -> int:
        """Return how many are compared."""
        return len(self._profiles)

    def differences(self, reader: AccountsReader) -> Iterator[Finding]:
        """Compare with what the reader answers."""
        found = reader.many(list(self._profiles))
        names = reader.ids_by_username({it["username"] for it in self._profiles.values()})
        for user_id, expected in self._profiles.items():
            account = found.get(user_id)
            told = account and {
                **{name: getattr(account, name) for name in ("username", *EDITABLE)},
                "verified": account.verified, "status": account.status, "created": account.created_at_ms,
                "role": account.role, "suspended_until": account.suspended_until_ms, "limited": account.limited,
                "suspended_for": (account.suspended_reason, account.suspended_case),
            }  # fmt: skip
            if told != expected:
                yield self._said.difference("account", user_id, expected, told)
            if expected["username"] and names.get(expected["username"].lower()) != user_id:
                named = names.get(expected["username"].lower())
                yield self._said.difference("account by its name", user_id, user_id, named)
