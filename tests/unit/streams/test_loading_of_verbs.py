from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["streams.__main__", "streams.replay.command", "streams.replay.process", "streams.generations.command"],
)
def test_a_verb_of_operators_does_not_load_faust(module: str) -> None:
    """It would cost each of them, and each process of a replay, 0.4 s of a processor that others wait for."""
    ask = f"import sys, {module}; sys.exit('faust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False, timeout=60).returncode == 0
