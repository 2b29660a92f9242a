"""Ports for processes that are started later, of a range that the kernel gives to nobody who asks for any port.

Between the choice and the start others may connect and listen: the kernel gives them ephemeral ports, never these.
"""

from __future__ import annotations

import random

from infra.probe import port_is_free

RANGE = range(20_000, 32_000)
_GIVEN: set[int] = set()


def free_port() -> int:
    """Return a port on which nobody listens now, and another one at each call of this process."""
    while True:
        port = random.SystemRandom().choice(RANGE)
        if port not in _GIVEN and port_is_free("127.0.0.1", port):
            _GIVEN.add(port)
            return port
