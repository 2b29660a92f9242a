"""Registers every released schema of the catalogue in a schema registry, under the catalogue's own ids.

The ids on the wire are the catalogue's, so that the log can be read without any registry; an ordinary Confluent
deserializer asks the registry for them. Hence each schema gets its own id there, by the way that each kind of registry
has for that: Confluent's (and Redpanda's) IMPORT mode of a subject, Apicurio's import of an export. A subject is the
record's full name (Confluent's RecordNameStrategy) and is FULL_TRANSITIVE.

Guarantee:  repeatable, by many processes at once; what is registered is never changed
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import zipfile
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from infra.trouble import TroubleError
from schemas import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)

COMPATIBILITY = "FULL_TRANSITIVE"
ANSWER_SECONDS = 5.0
RETRY_SECONDS = 15.0
_APICURIO = "/apis/ccompat/"  # a part of the address by which Apicurio is known; its import lies beside it
_CONTENT_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
_READ_WRITE, _IMPORT = "READWRITE", "IMPORT"


class RegistryUnavailableError(Exception):
    """The registry does not answer, or not as one does."""


class Released(NamedTuple):
    """One released version of an event's schema."""

    subject: str
    version: int
    schema_id: int
    schema: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Return the schema as it is registered."""
        return json.dumps(self.schema, separators=(",", ":"))


def released() -> list[Released]:
    """Return all schemas of the catalogue, older versions first."""
    return [
        Released(f"{schema['namespace']}.{schema['name']}", version, schema_id, schema)
        for entry in catalogue.CATALOGUE
        for version, schema_id in sorted(entry.versions.items())
        for schema in [catalogue.avro_schema(entry.event, version)]
    ]


class Registry:
    """One registry's REST API; raises RegistryUnavailableError, TroubleError."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=ANSWER_SECONDS, transport=transport)

    def register(self, schemas: Sequence[Released]) -> None:
        """Register what is missing; raises TroubleError where something else stands in its place."""
        missing = [schema for schema in schemas if not self._is_there(schema)]
        for schema in missing:
            self._check(schema)
        if missing and _APICURIO in self._url:
            self._ask("POST", self._import_url(), (HTTPStatus.NO_CONTENT,), content=_export(missing), headers=_ZIP)
        else:
            for schema in missing:
                self._import(schema)
        for schema in missing:
            if not self._is_there(schema):
                raise RegistryUnavailableError(f"{schema.subject} was registered, but is not there")
        for subject in sorted({schema.subject for schema in schemas}):
            self._configure(subject)

    def _is_there(self, schema: Released) -> bool:
        url = f"{self._url}/subjects/{schema.subject}/versions/{schema.version}"
        answer = self._ask("GET", url, (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        found = answer.json()
        if json.loads(found["schema"]) != schema.schema:
            raise TroubleError(f"the registry has another schema as {_named(schema)}", _REMEDY)
        if found["id"] != schema.schema_id:
            raise TroubleError(f"the registry has {_named(schema)} under the id {found['id']}", _REMEDY)
        return True

    def _check(self, schema: Released) -> None:
        """Raise TroubleError where the id is another schema's, or the schema does not go with what is registered."""
        answer = self._ask("GET", f"{self._url}/schemas/ids/{schema.schema_id}", (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        if answer.is_success and json.loads(answer.json()["schema"]) != schema.schema:
            raise TroubleError(f"the registry has another schema under the id {schema.schema_id}", _REMEDY)
        url = f"{self._url}/compatibility/subjects/{schema.subject}/versions"
        statuses = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)  # not found: nothing is registered that it must go with
        answer = self._ask("POST", url, statuses, json={"schema": schema.text}, headers=_CONTENT_TYPE)
        if answer.is_success and not answer.json()["is_compatible"]:
            what = f"{_named(schema)} is not {COMPATIBILITY} with what the registry has"
            raise TroubleError(what, "release a version that is")

    def _import(self, schema: Released) -> None:
        mode = f"{self._url}/mode/{schema.subject}"
        self._ask("PUT", f"{mode}?force=true", _OK, json={"mode": _IMPORT}, headers=_CONTENT_TYPE)
        try:
            told = {"schema": schema.text, "id": schema.schema_id, "version": schema.version}
            url = f"{self._url}/subjects/{schema.subject}/versions"
            # unprocessable: another process has just registered it and left the mode; whether so is looked at next
            self._ask("POST", url, (*_OK, HTTPStatus.UNPROCESSABLE_ENTITY), json=told, headers=_CONTENT_TYPE)
        finally:
            self._ask("PUT", mode, _OK, json={"mode": _READ_WRITE}, headers=_CONTENT_TYPE)

    def _configure(self, subject: str) -> None:
        """Set the compatibility, which is the same from all who register."""
        url, told = f"{self._url}/config/{subject}", {"compatibility": COMPATIBILITY}
        # conflict: Apicurio's answer where another process sets it for the first time at the same moment
        statuses = (HTTPStatus.OK, HTTPStatus.CONFLICT)
        if self._ask("PUT", url, statuses, json=told, headers=_CONTENT_TYPE).status_code == HTTPStatus.CONFLICT:
            self._ask("PUT", url, _OK, json=told, headers=_CONTENT_TYPE)

    def _import_url(self) -> str:
        return self._url.partition(_APICURIO)[0] + "/apis/registry/v2/admin/import"

    def _ask(self, method: str, url: str, statuses: tuple[HTTPStatus, ...], **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, url, **more)
        except httpx.HTTPError as error:
            raise RegistryUnavailableError(f"the schema registry at {self._url} does not answer: {error}") from error
        if answer.status_code not in statuses:
            said = f"{method} {url}: {answer.status_code} {answer.text[:200]}"
            raise RegistryUnavailableError(f"the schema registry answers otherwise than expected: {said}")
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class Registration:
    """Registers the catalogue at start; where the registry is away, goes on trying beside the process's work."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Try once; raises TroubleError for a schema that cannot be registered. An empty url: nothing to do."""
        self._registry = Registry(url, transport)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """Why the schemas are not registered, if so: readiness is to say it, as a warning."""
        if url and not self._try():
            self._thread = threading.Thread(target=self._go_on, name="schema-registry", daemon=True)
            self._thread.start()

    def _try(self) -> bool:
        try:
            self._registry.register(released())
        except RegistryUnavailableError as error:
            if self.trouble is None:
                logger.warning("schemas are not registered yet: %s", error)
            self.trouble = str(error)
            return False
        if self.trouble is not None:
            logger.info("all schemas are registered")
        self.trouble = None
        return True

    def _go_on(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            try:
                if self._try():
                    return
            except TroubleError as error:  # at start it would have ended the process; now it works, and says so
                logger.error("schemas are not registered: %s", error)  # noqa: TRY400 - its trace tells nothing
                self.trouble = str(error)
                return

    def close(self) -> None:
        """Try no more."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._registry.close()


_OK = (HTTPStatus.OK,)
_ZIP = {"Content-Type": "application/zip"}
_REMEDY = "use a registry, or a context of it, that no other installation writes to"


def _named(schema: Released) -> str:
    return f"{schema.subject} version {schema.version}"


def _export(schemas: Sequence[Released]) -> bytes:
    """Return the schemas as an export of Apicurio 2, whose import keeps ids and passes over what is there."""
    packed = io.BytesIO()
    newest = {schema.subject: schema.version for schema in schemas}
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("manifest.Manifest.json", json.dumps({"systemName": "murmuration", "exportVersion": "1.0"}))
        for schema in schemas:
            text_hash = hashlib.sha256(schema.text.encode()).hexdigest()
            ids = {"contentId": schema.schema_id}
            content = {**ids, "canonicalHash": text_hash, "contentHash": text_hash, "artifactType": "AVRO"}
            version = {
                **ids,
                "globalId": schema.schema_id,
                "artifactId": schema.subject,
                "version": str(schema.version),
                "versionId": schema.version,
                "artifactType": "AVRO",
                "state": "ENABLED",
                "name": schema.subject,
                "createdBy": "murmuration",
                "createdOn": 0,
                "isLatest": schema.version == newest[schema.subject],
            }
            folder = f"groups/default/artifacts/{schema.subject}/versions"
            archive.writestr(f"content/{text_hash}.Content.json", json.dumps(content))
            archive.writestr(f"content/{text_hash}.Content.data", schema.text)
            archive.writestr(f"{folder}/{schema.version}.ArtifactVersion.json", json.dumps(version))
    return packed.getvalue()
