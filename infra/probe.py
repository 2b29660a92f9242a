"""Asks a process from outside how it is: whether its port is free, whether it says that it is ready."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

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
