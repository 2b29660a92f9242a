"""Prints the table of error codes that docs/commands.md holds: `python -m commands.problem_table`."""

from __future__ import annotations

from infra.http.problem_codes import PROBLEM_TYPES


def table() -> str:
    """Return the codes as Markdown, by status and name."""
    lines = ["| code | status | what happened | what to do |", "|---|--:|---|---|"]
    for code, kind in sorted(PROBLEM_TYPES.items(), key=lambda item: (item[1].status, item[0])):
        lines.append(f"| `{code}` | {kind.status} | {kind.title} | {kind.hint} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201 - what it is for
