"""The next version of this program: a copy of its tree in which one projection has a new column and a new rule.

The graph tells the day since when somebody follows, in place of the moment (the rule), and keeps the moment in a
column of its own. What such a version changes is the projector, the store's layout and number, and the recount, which
says the rule once more in other words.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.e2e.system import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("schemas", "infra", "commands", "streams", "projections", "query_api")
DAY_MS = 86_400_000

PROJECTOR, STORE = "projections/graph/projector.py", "projections/graph/sqlite.py"
RECOUNT = "streams/replay/recount/graph.py"
NUMBERED = '(SqliteProjectionReader):\n    """Reads the graph (GraphReader)."""\n'
CHANGES: tuple[tuple[str, str, str], ...] = (
    (PROJECTOR, "    target_id: int\n    at_ms: int\n", "    target_id: int\n    at_ms: int\n    said_ms: int\n"),
    (
        PROJECTOR,
        "Follow(*pair, event.envelope.occurred_at_ms)",
        f"Follow(*pair, event.envelope.occurred_at_ms // {DAY_MS} * {DAY_MS}, event.envelope.occurred_at_ms)",
    ),
    (STORE, "at_ms INTEGER NOT NULL,", "at_ms INTEGER NOT NULL, said_ms INTEGER NOT NULL,"),
    (STORE, "INTO follows VALUES (?, ?, ?)", "INTO follows VALUES (?, ?, ?, ?)"),
    (STORE, '    SCHEMA = """', '    SCHEMA_VERSION = 2\n    SCHEMA = """'),
    (STORE, NUMBERED, f"{NUMBERED}\n    SCHEMA_VERSION = 2\n"),
    (
        RECOUNT,
        "setdefault(pair, event.envelope.occurred_at_ms)",
        f"setdefault(pair, event.envelope.occurred_at_ms - event.envelope.occurred_at_ms % {DAY_MS})",
    ),
)


def next_version(folder: Path) -> Path:
    """Make the tree, and return where it is."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in CHANGES:
        file = folder / name
        text = file.read_text()
        assert text.count(before) == 1, f"{name} has changed: {before!r} is to be there once"
        file.write_text(text.replace(before, after))
    return folder
