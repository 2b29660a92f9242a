"""Why a query is refused; `app` answers each with the problem of its code (infra.http.problem_codes has them all).

QueryError
├── InvalidCursorError   cursor_invalid     400  a page token that this service did not give
├── InvalidQueryTextError  query_invalid    400  a search that cannot be read; the detail says where
├── InvalidValueError    parameter_invalid  400  a value that the OpenAPI document does not list
├── UnknownTweetError    tweet_not_found    404  no such tweet, or it was deleted
├── UnknownUserError     user_not_found     404  no such account
├── NoSuchMomentError    no_such_moment     404  nothing was built as of that time; the detail says what would
├── BlockedError         blocked            403  one of the two has blocked the other
├── NotKeptError         not_kept           501  a read model that this installation does not have
└── NotReadyError        not_ready          503  a read model is not there yet
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class QueryError(Exception):
    """Base of what a query may be refused for; `param` names the parameter at fault, where there is one."""

    code: ClassVar[str]

    def __init__(self, param: str | None, detail: str) -> None:
        super().__init__(detail)
        self.param = param
        self.detail = detail


class InvalidCursorError(QueryError):
    """A page token that this service did not give, or gave for another list."""

    code = "cursor_invalid"


class InvalidValueError(QueryError):
    """A value that the OpenAPI document does not list."""

    code = "parameter_invalid"


class InvalidQueryTextError(QueryError):
    """A search that cannot be read; the detail says what is wrong, and at which character."""

    code = "query_invalid"


class UnknownTweetError(QueryError):
    """No such tweet, or it was deleted: the two are not told apart."""

    code = "tweet_not_found"

    def __init__(self) -> None:
        super().__init__(None, "there is no such tweet")


class UnknownUserError(QueryError):
    """No such account."""

    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__(None, "there is no such account")


class NoSuchMomentError(QueryError):
    """Nothing was built as of that time; the detail names the command that would."""

    code = "no_such_moment"

    def __init__(self, moment: str, missing: Sequence[str]) -> None:
        command = f"murmur replay {' '.join(missing)} --until {moment}"
        super().__init__("as_of", f"{', '.join(missing)} as of {moment} was not built; its operator can: {command}")


class BlockedError(QueryError):
    """One of the two has blocked the other: neither sees the other's tweets."""

    code = "blocked"

    def __init__(self) -> None:
        super().__init__(None, "you and this account do not see each other's tweets: one of you blocks the other")


class NotKeptError(QueryError):
    """A read model that this installation does not have."""

    code = "not_kept"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(None, f"this installation does not keep {', '.join(sorted(names))}")


class NotReadyError(QueryError):
    """A read model is not there yet, or cannot be read; the detail says which and why."""

    code = "not_ready"

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)
