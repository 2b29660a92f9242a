"""`python -m query_api`: serves until SIGTERM or SIGINT."""

from __future__ import annotations

import resource
import sys

from infra import json_logs
from infra.http import server
from infra.settings import Settings
from infra.trouble import refusing
from query_api.app import create_app
from query_api.bootstrap import build
from query_api.live.held import Held


def main() -> int:
    """Run the query API; return the exit code."""
    settings = Settings()
    json_logs.configure(settings.log_level)
    services = build(settings)
    app = create_app(services)
    _allow_as_many_files_as_may_be()
    server.serve(Held(app, services.live), settings, "query", before_drain=services.live.drain, web_sockets=True)
    return 0


def _allow_as_many_files_as_may_be() -> None:
    """Each open stream is a file; the soft limit is often 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(refusing("query", main))
