"""Redis: home timelines. From the PATH, or from Debian's package.

Guarantee: an append-only file synced once a second, and no eviction: what memory does not hold is refused, not dropped.
           Four users with random passwords, kept in the instance's folder: who writes timelines, who only reads them,
           who only counts requests, and an operator. The default user is off.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from infra.servers.server import LOOPBACK, Place, Server
from infra.servers.wire import talk
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.servers.launcher import Running

VERSION = "7.0.15"
PROGRAM = "redis-server"
SETTINGS = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": '""'}
"""What the projections rely on; docker-compose.yml gives the same."""
USERS = {
    "writer": "resetkeys ~{* -@all +@read +@write +evalsha +script|load +multi +exec +ping +hello -@dangerous",
    "reader": "resetkeys %R~{* -@all +get +exists +hget +hgetall +lrange +zrange +multi +exec +ping +hello",
    "limiter": "resetkeys ~limit:* -@all +evalsha +script|load +get +set +time +ping +hello",
    "operator": "~* &* +@all",
}
"""What each may do; the first two are the agents' and the query API's. (A longer pattern costs at every command.)"""
DEFAULT = "user default off ~* &* +@all"
"""Nobody can be it. It has all rights because the append-only file is read as this user: without them Redis 7.0 leaves
out, in silence, all that scripts and transactions had written."""
PROBE = "user probe on nopass resetkeys resetchannels -@all +ping"
"""Who asks whether it serves."""
PASSWORDS_FILE = "passwords.json"


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
    lines = [f"{name} {value}" for name, value in {**own, **SETTINGS}.items()]
    users = [f"user {user} on >{password} {USERS[user]}" for user, password in passwords(place.folder).items()]
    return "\n".join([*lines, DEFAULT, PROBE, *users, ""])


def passwords(folder: Path) -> Mapping[str, str]:
    """Return the password of each user of the instance in a folder: what it was, or a new one; none where none is."""
    file = folder / PASSWORDS_FILE
    found: dict[str, str] = json.loads(file.read_bytes()) if file.exists() else {}
    if missing := [user for user in USERS if user not in found]:
        found |= {user: secrets.token_urlsafe(24) for user in missing}
        file.touch(mode=0o600)
        file.write_text(json.dumps(found))
    return found


def command(place: Place) -> Sequence[str]:
    """Write redis.conf."""
    file = place.folder / "redis.conf"
    file.touch(mode=0o600)
    file.write_text(configuration(place))
    return [str(place.software / PROGRAM), str(file)]


def logins(place: Place) -> Mapping[str, str]:
    """Return who writes, who reads and who counts."""
    own, where = passwords(place.folder), f"{place.node.host}:{place.client_port}/0"
    return {
        "redis_urls": f"redis://writer:{own['writer']}@{where}",
        "redis_query_urls": f"redis://reader:{own['reader']}@{where}",
        "redis_limits_urls": f"redis://limiter:{own['limiter']}@{where}",
    }


def operator_url(running: Running) -> str:
    """Return the address for whom everything is allowed: tests, and operators."""
    if not running.logins:
        return running.address  # started before there were users
    own = passwords(Path(running.log).parent)
    return running.address.replace(f"writer:{own['writer']}@", f"operator:{own['operator']}@")


def is_ready(host: str, port: int) -> bool:
    """PING; while it loads its data the answer is an error."""
    return talk(host, port, b"AUTH probe probe\r\nPING\r\n", 12) == b"+OK\r\n+PONG\r\n"


REDIS = Server(
    "redis", VERSION, ("redis",), fetch, command, is_ready,
    address=lambda host, port: f"redis://{host}:{port}/0", setting="redis_urls", logins=logins,
)  # fmt: skip
