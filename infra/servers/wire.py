"""Questions and their answers on a loopback port, for readiness checks."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ANSWER_SECONDS = 2.0


def talk(host: str, port: int, request: bytes, size: int) -> bytes:
    """Send a request and return the first `size` bytes of the answer, or none where it is shorter."""
    answers = conversation(host, port, [request], size, lambda _: 0)
    return answers[0] if answers else b""


def conversation(
    host: str, port: int, requests: Sequence[bytes], head: int, body: Callable[[bytes], int]
) -> list[bytes]:
    """Send each request when the one before is answered; return the whole answers there were.

    An answer is `head` bytes, and as many more as `body` reads from these.
    """
    answers = []
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            for request in requests:
                connection.sendall(request)
                start = _receive(connection, head)
                answers.append(start + _receive(connection, body(start)))
    except OSError:
        pass
    return answers


def _receive(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = connection.recv(size - len(got))
        if not part:
            raise ConnectionResetError
        got += part
    return got
