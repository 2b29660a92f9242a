"""Asks a process from outside how it is: whether its port is free, whether it says that it is ready.

A process tells where it can be asked in a file of the data folder, `run/<name>.json`.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROBE_SECONDS = 2.0  # /readyz looks at files: milliseconds; a process that is busy loading may need longer


def get_json(host: str, port: int, path: str, timeout: float = PROBE_SECONDS) -> tuple[int, Any] | None:
    """Return status and JSON body (None where it is no JSON) of a GET, or None where nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None


def is_ready(host: str, port: int) -> bool:
    """Tell whether /readyz answers 200."""
    answer = get_json(host, port, "/readyz")
    return answer is not None and answer[0] == http.client.OK


def port_is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def announce(file: Path, facts: Mapping[str, Any]) -> None:
    """Write where a process can be asked, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(file)


def announced(file: Path) -> dict[str, Any]:
    """Return what a process said of itself; nothing where it has not, or has ended in order."""
    try:
        facts: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts
