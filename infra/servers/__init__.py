"""Runs on a plain machine the same servers that docker-compose.yml runs in containers; docs/servers.md tells how."""

from __future__ import annotations

from infra.servers.fleet import Fleet, located, running
from infra.servers.launcher import Running

__all__ = ["Fleet", "Running", "located", "running"]
