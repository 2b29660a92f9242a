"""All settings, read once per process by its bootstrap: environment, files of secrets, murmuration.toml, defaults.

Every field is `MURMURATION_<FIELD>` in the environment and `<field>` in the file (MURMURATION_CONFIG names another).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource

from infra import secret_files
from infra.http.callers import networks
from infra.secret_files import SecretFiles

if TYPE_CHECKING:
    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "MURMURATION_"
CONFIG_FILE = "murmuration.toml"
_NAME = "^[a-z0-9-]{0,40}$"
_INDEX = "^[a-z0-9][a-z0-9_-]{0,60}$"
_BUCKET = "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
_OBJECTS_URL = r"^(https?://[^/?#@\s]+/?)?$"
_PUBLIC_URL = r"^(/|https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?)?$"
_MEDIA_URL = r"^(https?://[A-Za-z0-9.:\[\]/_~-]+[A-Za-z0-9_~-])?$"
_BY_LAUNCHER = "empty: as `murmur servers` says"


def _secret(description: str) -> Any:
    """Return the field of a secret: shown nowhere, and read from a file, too (infra.secret_files)."""
    return Field("", description=description, repr=False)


class Settings(BaseSettings):
    """One field a setting; the description is what the documentation prints."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(Path("data"), description="folder that holds the log, the read models and the keys")
    host: str = Field("127.0.0.1", description="address that both APIs listen on")
    commands_port: int = Field(8000, ge=0, le=65535, description="port of the command API")
    query_port: int = Field(8001, ge=0, le=65535, description="port of the query API")
    streams_metrics_port: int = Field(0, ge=0, le=65535, description="port of the stream process's /metrics; 0: none")
    worker: int = Field(0, ge=0, le=255, description="worker number in ids, of one process; 0 on servers: a leased one")
    partitions: int = Field(8, ge=1, le=1024, description="partitions of a topic when it is first created")
    batch_records: int = Field(1000, ge=1, le=10_000, description="most records a projection applies in one step")
    retention_days: int = Field(0, ge=0, description="days that the log is kept, once it is archived; 0: for ever")
    retention_unarchived: bool = Field(False, description="on | off: retention also cuts what no archive has")
    archive_segment_records: int = Field(
        100_000, ge=10, le=1_000_000, description="records of a partition that fill a segment of the archive"
    )
    archive_seal_hours: int = Field(24, ge=0, description="hours that a record waits for its segment to be full")

    rate_limits: bool = Field(True, description="on | off: limits per account and per address")
    rate_limit_writes_per_minute: int = Field(120, ge=1, description="commands an account may send in a minute")
    rate_limit_auth_per_minute: int = Field(30, ge=1, description="register, log-in and refresh calls per address")
    rate_limit_reads_per_minute: int = Field(900, ge=1, description="queries an account (or address) may send")
    trusted_proxies: str = Field(
        "", description="addresses and CIDRs, comma-separated, of proxies that are believed who asks, and how"
    )
    proxy_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", description="which header they tell it in; they have to overwrite it, or to add to its end"
    )

    public_commands_url: str = Field(
        "",
        pattern=_PUBLIC_URL,
        description="where browsers find the command API; `/`: at the pages' origin; empty: same host, commands_port",
    )
    pages_origins: str = Field(
        "", description="origins, comma-separated, whose pages may send commands; empty: same host, query_port"
    )

    access_token_minutes: int = Field(15, ge=1, le=1440, description="life of an access token")
    refresh_token_days: int = Field(30, ge=1, le=365, description="life of a refresh token; each use renews it")
    export_days: int = Field(7, ge=1, le=90, description="days that an export of one's data can be fetched")
    erasure_grace_days: int = Field(30, ge=0, le=365, description="days in which a closed account's owner may return")
    argon2_memory_kib: int = Field(19_456, ge=8, description="memory of one password hash (OWASP: 19 MiB, 2 passes)")
    max_body_bytes: int = Field(65_536, ge=1024, description="largest request body")
    request_timeout_s: float = Field(10.0, gt=0, description="a request that takes longer is answered 503")

    celebrity_followers: int = Field(10_000, ge=0, description="followers from which tweets are pulled, not pushed")
    active_days: int = Field(30, ge=0, description="days since sign-in for which a reader's timeline is pushed to")
    wait_ms: int = Field(500, ge=0, le=30_000, description="longest wait for a consistency token, unless ?wait_ms")
    tweet_cache_entries: int = Field(20_000, ge=0, description="tweets that the query process keeps ready")

    live_records: int = Field(
        4_000, ge=100, description="records of each log partition that a stream which comes back can be told from"
    )

    live_streams: int = Field(20_000, ge=1, description="streams that a query process holds open; see `ulimit -n`")
    live_streams_per_account: int = Field(20, ge=1, description="streams that an account may have open at a process")
    live_streams_per_address: int = Field(500, ge=1, description="streams that an address may have open at a process")

    ranking_recency: float = Field(0.4, ge=0, description="weight of recency in ranking=top")
    ranking_engagement: float = Field(0.4, ge=0, description="weight of engagement in ranking=top")
    ranking_relevance: float = Field(0.2, ge=0, description="weight of relevance in ranking=top")
    ranking_media: float = Field(1.1, ge=0, description="factor for tweets with media in ranking=top")

    commands_workers: int = Field(1, ge=1, le=64, description="processes of the command API that `murmur up` starts")
    streams_workers: int = Field(1, ge=1, le=64, description="stream processes that `murmur up` starts")
    query_workers: int = Field(1, ge=1, le=64, description="processes of the query API that `murmur up` starts")
    instance: str = Field("", pattern=_NAME, description="name of a process among its like, kept when it starts again")

    trends_half_life_hours: float = Field(24.0, gt=0, description="how fast a topic's past is forgotten in trends")
    trends_minimum_authors: float = Field(3.0, gt=0, description="authors expected of a topic without a past")
    spam_threshold: float = Field(
        0.4,
        ge=0,
        le=1,
        description="spam score, in tenths from 0.3 on, from which an account's reach is limited; 0: never",
    )
    trends_denied: str = Field("", description="hashtags, comma-separated, that never trend")

    push_contact: str = Field(
        "",
        pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)?$",
        description="mailto: or https: address that push services may turn to; empty: nothing is pushed",
    )
    push_max_age_minutes: int = Field(60, ge=1, description="what happened longer ago is not pushed any more")
    push_allow_loopback: bool = Field(False, description="for tests: push by http, to this machine and to any port")

    media_url: str = Field(
        "", pattern=_MEDIA_URL, description="address in front of the paths of media, such as a CDN's; empty: none"
    )
    media_decoders: int = Field(2, ge=1, le=64, description="uploads that a stream process decodes at a time")
    media_upload_timeout_s: float = Field(900.0, gt=0, description="an upload that takes longer is answered 503")
    media_wait_ms: int = Field(2_000, ge=0, le=30_000, description="longest wait of an upload's answer for decoding")
    media_unattached_hours: int = Field(24, ge=1, description="hours after which uploads that nothing has are deleted")
    media_deleted_hours: int = Field(1, ge=0, description="hours after which the media of deleted tweets are deleted")
    rate_limit_uploads_per_minute: int = Field(30, ge=1, description="uploads an account may begin in a minute")

    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    profile: Literal["embedded", "cluster"] = Field("embedded", description="embedded | cluster: files or servers")
    kafka_bootstrap: str = Field("", description=f"host:port of brokers, comma-separated; {_BY_LAUNCHER}")
    kafka_replication: int = Field(1, ge=1, description="copies of a topic's partitions when it is first created")
    kafka_min_insync: int = Field(1, ge=1, description="copies that a record must have before it counts as written")
    schema_registry_url: str = Field("", description="Confluent-compatible registry; empty: only the catalogue's ids")
    cassandra_hosts: str = Field("", description=f"host:port of Scylla or Cassandra, comma-separated; {_BY_LAUNCHER}")
    cassandra_datacenter: str = Field("datacenter1", description="the data centre that LOCAL_QUORUM means")
    cassandra_keyspace: str = Field("murmuration", description="keyspace of the tables")
    cassandra_replication: int = Field(1, ge=1, description="copies of a row when the keyspace is first created")
    cassandra_user: str = Field("", description="role that makes tables and roles; empty: no log-in")
    cassandra_password: str = _secret("its password")
    cassandra_app_user: str = Field(
        "", description="role that writes rows; empty: <keyspace>; `murmur migrate` makes it"
    )
    cassandra_app_password: str = _secret("its password; empty: one that only the data folder knows")
    cassandra_query_user: str = Field("", description="role that may only read; empty: <keyspace>_query; as above")
    cassandra_query_password: str = _secret("its password; empty: as above")
    redis_urls: str = _secret(f"redis://user:password@host:port/0 of primaries, in order; {_BY_LAUNCHER}")
    redis_query_urls: str = _secret("the same for the query API, whose user only reads; empty: redis_urls")
    redis_limits_urls: str = _secret(
        "the same for rate limits, whose user only counts; empty: each process counts alone"
    )
    redis_shards: int = Field(4, ge=1, le=4096, description="logical shards over the primaries; fixed for life")
    elasticsearch_urls: str = Field("", description=f"http://host:port of nodes, comma-separated; {_BY_LAUNCHER}")
    elasticsearch_prefix: str = Field("murmuration", pattern=_INDEX, description="beginning of the indices' names")
    elasticsearch_user: str = Field("", description="who makes and fills the indices; empty: no log-in")
    elasticsearch_password: str = _secret("its password")
    elasticsearch_query_user: str = Field(
        "", description="who may only read them, of the query API; empty: elasticsearch_user"
    )
    elasticsearch_query_password: str = _secret("its password")
    elasticsearch_ca_file: str = Field("", description="certificates to trust for https; empty: the usual ones")
    elasticsearch_shards: int = Field(1, ge=1, le=1024, description="shards of an index when it is first made")
    elasticsearch_replicas: int = Field(0, ge=0, le=9, description="further copies of each shard when it is first made")
    elasticsearch_refresh_ms: int = Field(
        -1, ge=-1, description="an index refreshes itself so often; -1: with the batches alone, which always do"
    )
    objects_url: str = Field(
        "",
        pattern=_OBJECTS_URL,
        description=f"http://host:port of the S3 server of all objects; {_BY_LAUNCHER}, or a folder of data_dir",
    )
    objects_public_url: str = Field(
        "", pattern=_OBJECTS_URL, description="the same server as browsers reach it; empty: objects_url"
    )
    objects_bucket: str = Field("murmuration", pattern=_BUCKET, description="bucket of all objects")
    objects_region: str = Field("us-east-1", pattern=_NAME, description="region that requests are signed for")
    objects_access_key: str = _secret("who reads and writes the objects")
    objects_secret_key: str = _secret("its secret")
    servers_cache: Path = Field(Path("~/.cache/murmuration"), description="where `murmur servers` keeps its downloads")

    @field_validator("trusted_proxies")
    @classmethod
    def check_networks(cls, text: str) -> str:
        """Refuse what is no list of addresses and networks."""
        networks(text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, files of secrets, TOML file."""
        file = Path(os.environ.get(f"{PREFIX}CONFIG", CONFIG_FILE))
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls, os.environ),
            TomlConfigSettingsSource(settings_cls, file),
        )

    @property
    def log_dir(self) -> Path:
        """Folder of the embedded log."""
        return self.data_dir / "log"

    @property
    def projections_dir(self) -> Path:
        """Folder of the read models."""
        return self.data_dir / "projections"

    @property
    def objects_dir(self) -> Path:
        """Folder of the objects, where no server keeps them."""
        return self.data_dir / "objects"

    @property
    def keys_dir(self) -> Path:
        """Folder of the signing keys."""
        return self.data_dir / "keys"

    @property
    def run_dir(self) -> Path:
        """Folder in which each running process tells where it can be asked."""
        return self.data_dir / "run"

    @property
    def credentials_path(self) -> Path:
        """File of password hashes, sessions and the keys of personal data."""
        return self.data_dir / "credentials.db"

    @property
    def push_path(self) -> Path:
        """File of the devices that accounts are told on."""
        return self.data_dir / "push.db"

    def environment(self) -> dict[str, str]:
        """Return the environment of a child process that is to have these very settings, whatever its own defaults."""
        told = {f"{PREFIX}{name.upper()}": str(value) for name, value in self.model_dump(mode="json").items()}
        inherited = {
            name: it for name, it in os.environ.items() if name not in secret_files.variables(Settings, PREFIX)
        }
        return {**inherited, **told, f"{PREFIX}DATA_DIR": str(self.data_dir.absolute())}
