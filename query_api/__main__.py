"""`python -m query_api`: serves until SIGTERM or SIGINT."""

from __future__ import annotations

from infra import json_logs
from infra.http import server
from infra.settings import Settings
from query_api.app import create_app
from query_api.bootstrap import build


def main() -> None:
    """Run the query API."""
    settings = Settings()
    json_logs.configure(settings.log_level)
    server.run(create_app(build(settings)), settings.host, settings.query_port)


if __name__ == "__main__":
    main()
