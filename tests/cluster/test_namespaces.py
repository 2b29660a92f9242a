"""The faults themselves: what is cut off is, what is full is, and nothing of it is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from infra.servers import Fleet, running
from infra.servers.redis import operator_url
from infra.servers.wire import talk
from tests.cluster.namespaces import Namespace, Network, SmallDisk, frozen
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
OK = b"+OK\r\n"
ASK = "import sys; from infra.servers.redis import is_ready; sys.exit(not is_ready('127.0.0.1', int(sys.argv[1])))"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(["redis"], tmp_path_factory.mktemp("faulty")) as fleet:
        yield fleet


def answers(redis: Fleet, where: Namespace) -> bool:
    command = [*where.entrance, sys.executable, "-c", ASK, str(redis["redis"].ports["redis"])]
    return subprocess.run(command, check=False, cwd=ROOT, timeout=30).returncode == 0


def said(redis: Fleet, request: bytes) -> bytes:
    """What Redis says to its operator: the first three bytes."""
    where = urlsplit(operator_url(redis["redis"]))
    log_in = f"AUTH {where.username} {where.password}\r\n".encode()
    answers = talk("127.0.0.1", redis["redis"].ports["redis"], log_in + request + b"\r\n", len(OK) + 3)
    return answers.removeprefix(OK)


def test_a_process_inside_reaches_the_servers_until_its_cable_is_cut(redis: Fleet) -> None:
    assert said(redis, b"CONFIG SET protected-mode no") == b"+OK"  # who comes by the cable has no loopback address
    with Network() as network:
        assert answers(redis, network)
        network.cut()
        assert not answers(redis, network)
        assert said(redis, b"PING") == b"+PO"
        network.heal()
        until(lambda: answers(redis, network))
        cable = Path("/sys/class/net") / f"mur{network.pid}"
        assert cable.exists()
    until(lambda: not cable.exists())


def test_a_disk_that_is_full_refuses_writes_until_there_is_room_and_keeps_what_it_had(redis: Fleet) -> None:
    assert said(redis, b"SET kept yes") == b"+OK"
    redis.stop("redis")
    with SmallDisk(Path(redis["redis"].log).parent / "data", free_mb=4) as disk:
        redis.start("redis", within=disk.entrance)
        assert said(redis, b"GET kept") == b"$3\r"
        disk.fill()
        until(lambda: said(redis, b"SET refused yes") == b"-MI")  # MISCONF: its file cannot be written
        assert said(redis, b"GET kept") == b"$3\r"
        disk.heal()
        until(lambda: said(redis, b"SET again yes") == b"+OK")
        redis.stop("redis")
        disk.keep()
    redis.start("redis")
    assert (said(redis, b"GET kept"), said(redis, b"GET again")) == (b"$3\r", b"$3\r")


def test_a_frozen_process_answers_nothing_and_then_goes_on(redis: Fleet) -> None:
    with frozen(redis["redis"].process):
        assert said(redis, b"PING") == b""
    assert said(redis, b"PING") == b"+PO"
