"""`python -m tests.contract.openapi.query` writes the snapshot of the query API's OpenAPI document."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from infra.settings import Settings
from query_api.app import create_app
from query_api.bootstrap import build

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        services = build(Settings(data_dir=Path(folder)))
        text = json.dumps(create_app(services).openapi(), indent=1, sort_keys=True)
        services.close()
    Path(__file__).with_suffix(".json").write_text(text + "\n")
