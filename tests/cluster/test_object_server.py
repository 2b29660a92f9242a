"""What only a server of objects has: addresses that allow one request, a bucket to be made, faults of its own."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from infra import cluster_checks
from infra.objects.opening import make_bucket, open_objects, open_s3
from infra.objects.port import ObjectsUnavailableError
from infra.settings import Settings
from infra.trouble import TroubleError
from tests.contract.object_backends import own_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from infra.objects.s3 import S3Objects
    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

FILM = bytes(1000)


@pytest.fixture(scope="module")
def told(fleet: Fleet) -> Mapping[str, str]:
    if not fleet.alive("objects"):
        fleet.start("objects")
    return {"profile": "cluster", **fleet.settings()}


@pytest.fixture(scope="module")
def objects(fleet: Fleet, told: Mapping[str, str]) -> Iterator[S3Objects]:  # noqa: ARG001 - it runs
    with own_bucket(fleet, "faults") as store:
        yield store


def test_an_address_lets_somebody_without_credentials_put_just_what_was_announced(objects: S3Objects) -> None:
    allowed = objects.presigned_put("films/1", len(FILM), "video/mp4", 60)
    assert allowed is not None
    answer = httpx.put(allowed.url, content=FILM, headers=dict(allowed.headers), timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    kept = objects.stat("films/1")
    assert kept is not None
    assert (kept.bytes, kept.content_type) == (len(FILM), "video/mp4")


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (FILM + b"!", {"content-type": "video/mp4"}),
        (FILM[1:], {"content-type": "video/mp4"}),
        (FILM, {"content-type": "text/html"}),
        (FILM, {}),
    ],
)
def test_an_address_lets_nobody_put_anything_else(objects: S3Objects, content: bytes, headers: dict[str, str]) -> None:
    allowed = objects.presigned_put("films/2", len(FILM), "video/mp4", 60)
    assert allowed is not None
    assert httpx.put(allowed.url, content=content, headers=headers, timeout=60).status_code == httpx.codes.FORBIDDEN
    other = allowed.url.replace("films/2", "films/3")
    assert (
        httpx.put(other, content=FILM, headers=dict(allowed.headers), timeout=60).status_code == httpx.codes.FORBIDDEN
    )
    assert [it.key for it in objects.list("films/") if it.key != "films/1"] == []


def test_an_address_lets_somebody_read_that_object_alone(objects: S3Objects) -> None:
    objects.put("films/4", io.BytesIO(FILM), len(FILM))
    url = objects.presigned_get("films/4", 60)
    assert url is not None
    assert httpx.get(url, timeout=60).content == FILM
    for refused in (
        url.replace("films/4", "films/1"),
        url.partition("?")[0],
        url[:-1] + ("0" if url[-1] != "0" else "1"),
    ):
        assert httpx.get(refused, timeout=60).status_code == httpx.codes.FORBIDDEN
    assert httpx.delete(url, timeout=60).status_code == httpx.codes.FORBIDDEN


def test_what_nobody_answers_for_is_said_in_one_line(told: Mapping[str, str]) -> None:
    nowhere = Settings.model_validate({**told, "objects_url": "http://127.0.0.1:1"})
    with closing(open_s3(nowhere)) as store, pytest.raises(ObjectsUnavailableError, match=r"0\.1:1/murmuration"):
        store.put("it", io.BytesIO(b""), 0)
    check = cluster_checks.objects(nowhere)
    assert "does not answer" in check.found
    assert "murmur servers up --only objects" in check.remedy


def test_credentials_that_are_refused_are_said_so(told: Mapping[str, str]) -> None:
    wrong = Settings.model_validate({**told, "objects_secret_key": "another"})
    with closing(open_s3(wrong)) as store, pytest.raises(ObjectsUnavailableError, match="SignatureDoesNotMatch"):
        store.put("it", io.BytesIO(b""), 0)


def test_migrate_makes_the_bucket_and_the_doctor_says_where_it_is_missing(told: Mapping[str, str]) -> None:
    settings = Settings.model_validate({**told, "objects_bucket": "made-by-migrate"})
    with closing(open_s3(settings)) as store:
        found = cluster_checks.objects(settings)
        if not store.has_bucket():
            assert "murmur migrate" in found.remedy
            with pytest.raises(ObjectsUnavailableError, match="no bucket made-by-migrate"):
                store.put("it", io.BytesIO(b""), 0)
        for _ in range(2):
            assert make_bucket(settings) == store.where
        assert cluster_checks.objects(settings).remedy == ""


def test_a_cluster_without_a_store_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(TroubleError, match="no object store is named"):
        open_objects(Settings(profile="cluster", data_dir=tmp_path))
