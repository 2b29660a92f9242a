"""Ports for processes that are started later, of a range that the kernel gives to nobody who asks for any port.

Between the choice and the start others may connect and listen: the kernel gives them ephemeral ports, never these.
"""

from __future__ import annotations

import random
import socket

RANGE = range(20_000, 32_000)
_GIVEN: set[int] = set()


def free_port() -> int:
    """Return a port on which nobody listens now, and another one at each call of this process."""
    while True:
        port = random.SystemRandom().choice(RANGE)
        if port not in _GIVEN and _is_free(port):
            _GIVEN.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
