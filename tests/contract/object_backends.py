"""The object stores that the contract runs over: a folder, and where servers are wanted, one of them."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from infra.objects.opening import open_s3
from infra.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from infra.objects.s3 import S3Objects
    from infra.servers import Fleet

NAMES = ("directory", "s3") if os.environ.get("MURMURATION_CLUSTER") == "1" else ("directory",)


@contextmanager
def s3(request: pytest.FixtureRequest) -> Iterator[S3Objects]:
    """Yield a store in the tests' own bucket, emptied."""
    fleet: Fleet = request.getfixturevalue("fleet")
    if not fleet.alive("objects"):
        fleet.start("objects")
    with own_bucket(fleet, "contract") as store:
        yield store


@contextmanager
def own_bucket(fleet: Fleet, purpose: str) -> Iterator[S3Objects]:
    """Yield a store in a bucket of this process, and leave it empty."""
    told = {"profile": "cluster", **fleet.settings(), "objects_bucket": f"{purpose}-{os.getpid()}"}
    with closing(open_s3(Settings.model_validate(told))) as store:
        store.make_bucket()
        try:
            yield store
        finally:
            for it in store.list():
                store.delete(it.key)
