"""One question and its answer on a loopback port, for readiness checks."""

from __future__ import annotations

import socket

from infra.servers.server import LOOPBACK

ANSWER_SECONDS = 2.0


def talk(port: int, request: bytes, size: int) -> bytes:
    """Send a request and return up to `size` bytes of the answer; what is missing was not answered."""
    answer = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(request)
            while len(answer) < size and (part := connection.recv(size - len(answer))):
                answer += part
    except OSError:
        pass
    return answer
