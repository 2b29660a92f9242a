"""What all operations of the command API share in their description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.consistency import HEADER
from infra.http.openapi import operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

PREFIX = "/api/v1"
IDEMPOTENCY = ("Idempotency-Key", "The same key and request give the same answer and one event, for 24 hours.")
CONSISTENCY_IN = (HEADER, "From an earlier answer: the command sees what that one did.")
CONSISTENCY_OUT = (HEADER, "Send it with a query, which then shows what this command did.")
REPLAYED = ("Idempotency-Replayed", "`true` where the answer was given before.")
_PROBLEMS = (
    "idempotency_key_invalid",
    "idempotency_key_reused",
    "consistency_token_invalid",
    "body_invalid",
    "not_the_subject",
    "account_suspended",
    "log_unavailable",
    "projection_behind",
    "clock_went_back",
)


def command(
    answer: type[msgspec.Struct],
    *,
    status: int = 200,
    body: type[msgspec.Struct] | None = None,
    body_required: bool = True,
    problems: Sequence[str] = (),
    bearer: bool = True,
) -> dict[str, Any]:
    """Return the route's arguments of a command that an account gives."""
    return operation(
        answer,
        status=status,
        body=body,
        body_required=body_required,
        problems=(*_PROBLEMS, *problems),
        headers=(IDEMPOTENCY, CONSISTENCY_IN),
        answer_headers=(CONSISTENCY_OUT, REPLAYED),
        bearer=bearer,
    )
