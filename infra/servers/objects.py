"""versitygw: objects by Amazon's S3 protocol, kept as plain files. Built by Go, which checks it against its checksum.

It stands in for MinIO, which docker-compose.yml runs, because it builds in a fraction of the time.
"""

from __future__ import annotations

import http.client
import shutil
import subprocess
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.servers.server import LOOPBACK, Place, Server
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
BUILD_SECONDS = 1200.0  # a minute on two idle cores
ANSWER_SECONDS = 2.0
ACCESS_KEY = SECRET_KEY = "murmuration"  # noqa: S105 - on the loopback address only


def fetch(folder: Path) -> None:
    """Build the program into the folder."""
    go = shutil.which("go")
    if go is None:
        raise TroubleError("there is no go on the PATH", "install Go, for example `apt-get install golang`")
    build = ["/usr/bin/env", f"GOBIN={folder.absolute()}", go, "install", MODULE]
    done = subprocess.run(build, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)  # noqa: S603 - constants
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        raise TroubleError(f"Go cannot build {MODULE}: {reason}", "see that Go reaches its module proxy")


def command(place: Place) -> Sequence[str]:
    """Say where to listen and where to keep the objects."""
    listen = ["--port", f"{LOOPBACK}:{place.client_port}"]
    keys = ["--access", ACCESS_KEY, "--secret", SECRET_KEY]
    return [str(place.software / "versitygw"), *listen, *keys, "posix", str(place.data)]


def is_ready(host: str, port: int) -> bool:
    """Ask without a signature: it is refused, in the protocol's own words."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status == HTTPStatus.FORBIDDEN and b"<Code>AccessDenied</Code>" in answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


OBJECTS = Server(
    "objects", VERSION, ("objects",), fetch, command, is_ready,
    address=lambda host, port: f"http://{host}:{port}", setting="objects_url",
    credentials={"objects_access_key": ACCESS_KEY, "objects_secret_key": SECRET_KEY},
)  # fmt: skip
