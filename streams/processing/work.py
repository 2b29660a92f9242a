"""What is done with one upload: fetched, decoded where it can do no harm, kept by what it is, and told.

Guarantee:  the same upload gives the same objects under the same keys; an upload that cannot be decoded fails, by a
            code, and holds up nothing; a store or a log that is away is waited for
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from infra.journal.embedded import record_of
from infra.media.decoder import DecoderUnavailableError
from infra.media.kinds import SUFFIXES
from infra.media.report import TOO_EXPENSIVE, RefusedError
from infra.objects.port import CHUNK_BYTES, ObjectError, ObjectMissingError, ObjectsUnavailableError
from schemas.envelope import Envelope
from schemas.ids import unix_ms
from schemas.media.events import MediaFailed, MediaReady, Thumbnail
from schemas.media.paths import key_of, prefix_of, upload_key
from streams.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.log.port import EventLog
    from infra.media.decoder import Decoded, Decoder, File
    from infra.objects.port import ObjectStore
    from schemas.envelope import Event
    from schemas.ids import SnowflakeGenerator
    from schemas.media.events import MediaCollected, MediaUploaded
    from streams.processing.metrics import ProcessingMetrics

LOST = "lost"
"""Why an upload fails whose bytes are not there."""
ATTEMPTS = 3
"""Of one upload, while each ends the decoding process itself: then it is the upload's fault."""

logger = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A file that is in the object store, under its digest."""

    slot: str
    name: str
    size: int
    content_type: str
    width: int
    height: int


class Work:
    """Does it, several uploads at a time: one a decoder."""

    def __init__(
        self,
        objects: ObjectStore,
        log: EventLog,
        ids: SnowflakeGenerator,
        decoders: Sequence[Decoder],
        folder: Path,
        metrics: ProcessingMetrics,
    ) -> None:
        self._objects = objects
        self._log = log
        self._ids = ids
        self._decoders = decoders
        self._free: asyncio.Queue[Decoder] = asyncio.Queue()
        for decoder in decoders:
            self._free.put_nowait(decoder)
        self._folder = folder
        self._metrics = metrics
        self._attempts: dict[int, int] = {}

    async def decode(self, uploads: Sequence[MediaUploaded]) -> None:
        """Decode uploads and say what became of them; returns when that is durable. Raises TransientError."""
        said = await asyncio.gather(*(self._settled(upload) for upload in uploads))
        if said:
            await self._log.append([record_of(event) for event in said])
        for upload in uploads:
            self._attempts.pop(upload.media_id, None)

    async def _settled(self, upload: MediaUploaded) -> Event:
        decoder = await self._free.get()
        began = time.monotonic()
        try:
            event = await asyncio.to_thread(self._decoded, decoder, upload)
        except (ObjectsUnavailableError, DecoderUnavailableError, OSError) as error:
            raise TransientError(f"media {upload.media_id}: {error}") from error
        finally:
            self._free.put_nowait(decoder)
        outcome = event.reason if isinstance(event, MediaFailed) else event.kind
        self._metrics.settled(outcome, time.monotonic() - began, decoder.most_memory_bytes)
        return event

    def _decoded(self, decoder: Decoder, upload: MediaUploaded) -> MediaReady | MediaFailed:
        """Return what became of an upload; blocks, in a thread."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            source = cast("BinaryIO", file)
            try:
                self._fetch(upload, source)
                with decoder.decode(source, upload.content_type) as decoded:
                    return self._ready(upload, decoded)
            except ObjectMissingError:
                return self._failed(upload, LOST)
            except RefusedError as refused:
                return self._failed(upload, str(refused))
            except DecoderUnavailableError:
                self._attempts[upload.media_id] = self._attempts.get(upload.media_id, 0) + 1
                if self._attempts[upload.media_id] < ATTEMPTS:
                    raise
                return self._failed(upload, TOO_EXPENSIVE)

    def _fetch(self, upload: MediaUploaded, to: BinaryIO) -> None:
        with self._objects.open(upload_key(upload.media_id)) as sent:
            while chunk := sent.read(CHUNK_BYTES):
                to.write(chunk)
        to.flush()

    def _ready(self, upload: MediaUploaded, decoded: Decoded) -> MediaReady:
        kept = {file.slot: self._keep(upload.media_id, file) for file in decoded.files}
        served = kept.pop("served")
        poster = kept.pop("poster", None)
        return MediaReady(
            self._envelope(upload),
            upload.media_id,
            upload.owner_id,
            decoded.kind,
            served.name,
            served.content_type,
            served.size,
            served.width,
            served.height,
            decoded.blurhash,
            duration_ms=decoded.duration_ms,
            poster=poster.name if poster else "",
            thumbnails=[Thumbnail(it.slot, it.name, it.width, it.height) for it in kept.values()],
        )

    def _keep(self, media_id: int, file: File) -> Kept:
        digest = hashlib.file_digest(cast("Any", file.content), "sha256").hexdigest()
        file.content.seek(0)
        name = f"{digest}.{SUFFIXES[file.content_type]}"
        self._objects.put(key_of(media_id, name), file.content, file.size, file.content_type)
        return Kept(file.slot, name, file.size, file.content_type, file.width, file.height)

    def _failed(self, upload: MediaUploaded, reason: str) -> MediaFailed:
        return MediaFailed(self._envelope(upload), upload.media_id, upload.owner_id, reason)

    def _envelope(self, upload: MediaUploaded) -> Envelope:
        event_id = self._ids.next_id()
        return Envelope(
            event_id,
            unix_ms(event_id),
            0,
            correlation_id=upload.envelope.correlation_id,
            causation_id=upload.envelope.event_id,
        )

    async def forget_uploads(self, uploads: Sequence[MediaUploaded]) -> None:
        """Delete what was sent of settled uploads; what is left over is found by the collector."""
        try:
            await asyncio.to_thread(self._delete, [upload_key(upload.media_id) for upload in uploads])
        except ObjectError as error:
            logger.warning("what was uploaded stays until it is collected: %s", error)

    async def delete(self, collected: Sequence[MediaCollected]) -> None:
        """Delete all objects of collected media; raises TransientError."""
        try:
            await asyncio.to_thread(self._delete_all, [event.media_id for event in collected])
        except ObjectError as error:
            raise TransientError(str(error)) from error
        self._metrics.collected.inc(len(collected))

    def _delete_all(self, media_ids: Sequence[int]) -> None:
        for media_id in media_ids:
            self._delete([upload_key(media_id), *(it.key for it in self._objects.list(prefix_of(media_id)))])

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.delete(key)

    def close(self) -> None:
        """End the decoding processes."""
        for decoder in self._decoders:
            decoder.close()
