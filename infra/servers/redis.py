"""Redis: timelines and counters. From the PATH, or from Debian's package.

Guarantee: an append-only file synced once a second, and no eviction: what memory does not hold is refused, not dropped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from infra.servers.server import LOOPBACK, Place, Server
from infra.servers.wire import talk
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "7.0.15"
PROGRAM = "redis-server"
SETTINGS = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": '""'}
"""What the projections rely on; docker-compose.yml gives the same."""


def fetch(folder: Path) -> None:
    """Leave a link to the program in the folder, installing the package first where that is missing and may be."""
    program = shutil.which(PROGRAM) or _install()
    if program is None:
        raise TroubleError(
            f"there is no {PROGRAM} on the PATH", "install it, for example `apt-get install redis-server`"
        )
    (folder / PROGRAM).symlink_to(program)


def _install() -> str | None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    install = [apt, "install", "-y", "-qq", "--no-install-recommends", "redis-server"]
    for command in (install, [apt, "update", "-qq"], install):  # the first fails where the lists are old or empty
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - constants
        if program := shutil.which(PROGRAM):
            return program
    return None


def configuration(place: Place) -> str:
    """Return redis.conf."""
    own = {"bind": LOOPBACK, "port": str(place.client_port), "dir": str(place.data), "daemonize": "no"}
    return "".join(f"{name} {value}\n" for name, value in {**own, **SETTINGS}.items())


def command(place: Place) -> Sequence[str]:
    """Write redis.conf."""
    file = place.folder / "redis.conf"
    file.write_text(configuration(place))
    return [str(place.software / PROGRAM), str(file)]


def is_ready(host: str, port: int) -> bool:
    """PING; while it loads its data the answer is an error."""
    return talk(host, port, b"PING\r\n", 7) == b"+PONG\r\n"


REDIS = Server(
    "redis", VERSION, ("redis",), fetch, command, is_ready,
    address=lambda host, port: f"redis://{host}:{port}/0", setting="redis_urls",
)  # fmt: skip
