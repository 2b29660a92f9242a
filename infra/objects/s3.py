"""Objects on a server of Amazon's protocol (MinIO, versitygw, S3), by MinIO's client.

Guarantee: the server makes an object visible whole, at the end of its upload; larger ones go up in parts, one at a
time, and an upload that fails is called off. One whose process was killed stays with the server, unseen, until the
server clears it (MinIO: after a day; Amazon: by a rule of the bucket).
"""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from infra.clock import SystemClock
from infra.objects.port import (
    CHUNK_BYTES,
    OCTETS,
    Exactly,
    Listed,
    ObjectMissingError,
    ObjectStat,
    ObjectsUnavailableError,
    PresignedPut,
    checked_key,
    checked_prefix,
    checked_type,
)
from infra.objects.presign import Signer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from infra.clock import Clock

PART_BYTES = 8 << 20  # held at a time; 10,000 parts: 80 GB
CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0  # between two pieces of an answer; the end of a large upload takes the server a while
CONNECTIONS = 16
RETRIES = urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
CONDITIONAL_SECONDS = 300  # as far as clocks may differ
TAKEN = {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT}  # it is there, or somebody else is at it
MISSING = {"NoSuchKey", "NoSuchObject"}
NO_BUCKET = "NoSuchBucket"
MADE_ALREADY = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class S3Access(NamedTuple):
    """Where the objects are, and by which credentials; `public_url` is the address that browsers have for `url`."""

    url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str
    public_url: str = ""


class S3Objects:
    """An ObjectStore on a server; may be used by any number of threads."""

    def __init__(self, access: S3Access, clock: Clock | None = None) -> None:
        """Use the bucket, which `make_bucket` makes; nothing is asked yet."""
        where = urlsplit(access.url)
        if where.scheme not in {"http", "https"} or not where.netloc or where.path.strip("/"):
            raise ValueError(f"no address of an object store: {access.url!r}; wanted: http://host:port")
        self.where = f"{access.url.rstrip('/')}/{access.bucket}"
        self._bucket = access.bucket
        self._clock = clock or SystemClock()
        self._here = Signer(access.url, access.bucket, access.region, access.access_key, access.secret_key)
        self._signer = self._here._replace(base=access.public_url or access.url)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, timeout=timeout, retries=RETRIES)
        self._client: Any = Minio(
            where.netloc,
            access_key=access.access_key,
            secret_key=access.secret_key,
            secure=where.scheme == "https",
            region=access.region,
            http_client=self._pool,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def has_bucket(self) -> bool:
        """Tell whether the bucket is there."""
        with self.trouble():
            return bool(self._client.bucket_exists(self._bucket))

    def make_bucket(self) -> None:
        """Make the bucket where it is missing."""
        if self.has_bucket():
            return
        with self.trouble():
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in MADE_ALREADY:
                    raise

    def put(self, key: str, source: BinaryIO, length: int, content_type: str = OCTETS) -> None:
        """See the port."""
        wanted, kind = Exactly(source, length), checked_type(content_type)
        with self.trouble():
            self._client.put_object(
                self._bucket, checked_key(key), wanted, length, kind, part_size=PART_BYTES, num_parallel_uploads=1
            )

    def put_new(self, key: str, content: bytes, content_type: str = OCTETS) -> bool:
        """See the port: a condition of the protocol, which the client does not speak."""
        headers = {"content-type": checked_type(content_type), "if-none-match": "*"}
        url = self._here.address("PUT", checked_key(key), headers, CONDITIONAL_SECONDS, self._clock.now_ms())
        with self.trouble():
            answer = self._pool.request("PUT", url, body=content, headers=headers, retries=False)
        if answer.status in TAKEN:
            return False
        if answer.status != HTTPStatus.OK:
            raise ObjectsUnavailableError(f"{self.where}: {answer.status} for a conditional write of {key}")
        return True

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """See the port."""
        checked_key(key)
        if length == 0:
            return self._nothing(key)
        with self.trouble():
            try:
                answer = self._client.get_object(self._bucket, key, start, length or 0)
            except S3Error as error:
                if error.response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return self._nothing(key)
                raise
        return cast("BinaryIO", io.BufferedReader(_Body(self, answer), CHUNK_BYTES))

    def _nothing(self, key: str) -> BinaryIO:
        if self.stat(key) is None:
            raise ObjectMissingError(key)
        return io.BytesIO()

    def stat(self, key: str) -> ObjectStat | None:
        """See the port."""
        with suppress(ObjectMissingError), self.trouble():
            told = self._client.stat_object(self._bucket, checked_key(key))
            return ObjectStat(key, told.size, told.content_type, round(told.last_modified.timestamp() * 1000))
        return None

    def delete(self, key: str) -> None:
        """See the port."""
        with suppress(ObjectMissingError), self.trouble():
            self._client.remove_object(self._bucket, checked_key(key))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See the port."""
        checked_prefix(prefix)
        with self.trouble():
            for told in self._client.list_objects(self._bucket, prefix, recursive=True):
                if not told.is_dir:
                    yield Listed(told.object_name, told.size, round(told.last_modified.timestamp() * 1000))

    def presigned_put(self, key: str, length: int, content_type: str, seconds: int) -> PresignedPut | None:
        """See the port."""
        headers = {"content-length": str(length), "content-type": checked_type(content_type)}
        return PresignedPut(
            self._signer.address("PUT", checked_key(key), headers, seconds, self._clock.now_ms()), headers
        )

    def presigned_get(self, key: str, seconds: int) -> str | None:
        """See the port."""
        return self._signer.address("GET", checked_key(key), {}, seconds, self._clock.now_ms())

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Say what the client and the server say in the port's words."""
        try:
            yield
        except S3Error as error:
            if error.code in MISSING:
                raise ObjectMissingError(error.object_name or "") from error
            said = f"there is no bucket {self._bucket}" if error.code == NO_BUCKET else f"{error.code}: {error.message}"
            raise ObjectsUnavailableError(f"{self.where}: {said}") from error
        except (MinioException, HTTPError, OSError) as error:
            raise ObjectsUnavailableError(f"{self.where} does not answer ({type(error).__name__})") from error


class _Body(io.RawIOBase):
    """The body of an answer; one that stops before its end raises."""

    def __init__(self, objects: S3Objects, answer: urllib3.BaseHTTPResponse) -> None:
        self._objects, self._answer = objects, answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        with self._objects.trouble():
            chunk = self._answer.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._answer.close()  # what was not read is not worth the connection
        self._answer.release_conn()
        super().close()
