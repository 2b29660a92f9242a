"""What the README says works, as it stands there."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from tests.e2e.system import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System


def tour(system: System) -> str:
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```sh tour\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return block[1].replace(":8000", f":{system.commands_port}").replace(":8001", f":{system.query_port}")


def test_the_tour_of_the_readme_works(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data") as system:
        script = f"set -eu\n{tour(system)}"
        result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    follow, tweet, home, like, top, picture, problem = (json.loads(line) for line in result.stdout.splitlines())
    assert follow["following"] is True
    assert [shown["tweet_id"] for shown in home["tweets"]] == [tweet["tweet_id"]]
    assert (like["liked"], like["likes_count"]) == (True, 1)
    assert set(top["tweets"][0]["score"]) >= {"recency", "engagement", "relevance", "media"}
    assert picture["alt_text"] == "A feed"
    assert problem["code"] == "text_empty"
