"""The object store by the launcher: it works, and keeps what it acknowledged through a kill."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from minio import Minio

from infra.servers import running
from infra.servers.objects import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.cluster

PICTURE = bytes(range(256)) * 1000


def test_the_object_store_keeps_what_it_acknowledged_through_a_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running(["objects"], tmp_path) as fleet:
        record_property("objects: seconds to ready", fleet["objects"].seconds)
        record_property("objects: MB resident", fleet["objects"].process.memory() // 1_000_000)
        client = Minio(
            fleet["objects"].address.removeprefix("http://"), access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False
        )
        client.make_bucket("media")
        client.put_object("media", "picture", io.BytesIO(PICTURE), len(PICTURE))
        fleet.kill("objects")
        fleet.start("objects")
        answer = client.get_object("media", "picture")
        assert answer.read() == PICTURE
        answer.close()
        answer.release_conn()
