"""Opens the object store that the settings mean: the one place that knows both adapters.

A folder of the data folder, or the server that `objects_url` names; the cluster profile has to name one.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.objects.directory import DirectoryObjects
from infra.objects.port import ObjectError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.objects.port import ObjectStore
    from infra.objects.s3 import S3Objects
    from infra.settings import Settings


def open_objects(settings: Settings) -> ObjectStore:
    """Return the object store; nothing is asked of a server yet. Raises TroubleError where none is named."""
    found = located_objects(settings)
    if found.objects_url:
        return open_s3(found)
    if found.profile == "cluster":
        remedy = "name one in MURMURATION_OBJECTS_URL, or start it: `murmur servers up --only objects`"
        raise TroubleError("no object store is named", remedy)
    return DirectoryObjects(found.objects_dir)


def open_s3(settings: Settings) -> S3Objects:
    """Return the store on the server that the settings name; raises TroubleError."""
    try:
        from infra.objects.s3 import S3Access, S3Objects  # noqa: PLC0415 - its client is installed where there are servers
    except ImportError as error:
        remedy = "pip install 'murmuration[cluster]', or leave MURMURATION_OBJECTS_URL empty"
        raise TroubleError("objects_url needs the extra `cluster`", remedy) from error
    access = S3Access(
        settings.objects_url,
        settings.objects_bucket,
        settings.objects_region,
        settings.objects_access_key,
        settings.objects_secret_key,
        settings.objects_public_url,
    )
    return S3Objects(access)


def located_objects(settings: Settings) -> Settings:
    """Return the settings with the address of the object store, where `murmur servers` runs one on the data folder."""
    if settings.profile == "embedded" or settings.objects_url:
        return settings
    from infra.servers.fleet import located  # noqa: PLC0415 - the launcher is loaded where there are servers

    return located(settings)


def make_bucket(settings: Settings) -> str:
    """Make the bucket where a server is named and has none; return where it is, or empty. Raises TroubleError."""
    found = located_objects(settings)
    if not found.objects_url:
        return ""
    with objects_trouble():
        objects = open_s3(found)
        objects.make_bucket()
        return objects.where


@contextmanager
def objects_trouble() -> Iterator[None]:
    """Say that it is the object store that something is wrong with."""
    try:
        yield
    except ObjectError as error:
        remedy = "see that it runs, that the credentials are right, and that `murmur migrate` made the bucket"
        raise TroubleError(f"objects: {error}", remedy) from error
