"""What a command may be refused for."""

from __future__ import annotations


class CommandRefusedError(Exception):
    """The command is refused; `code` is one of infra.http.problem_codes, `param` the member at fault."""

    def __init__(self, code: str, detail: str = "", param: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.param = param
