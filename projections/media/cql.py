"""Keeps media on Scylla or Cassandra.

Consumes:   the writes of projections.media.projector, placed
Writes:     media (media_id → row), media_by_owner (owner_id → media_ids), attached (media_id → tweet), tweets_with
            (tweet_id → media_ids), tweets_gone (tweet_id → when),
            tweets_hidden (tweet_id → whether it is), slots (owner_id, slot → media_id), media_due (hour →
            what to look at again)
Guarantee:  see infra.cql.projection_store; of each row one log partition speaks, and nothing is read to write
Rebuild:    see infra.cql.projection_store

An hour of `media_due` is spread over DUE_BUCKETS partitions, so 100 K rows each hold 1.6 million uploads an hour.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from infra.cql.calls import Call
from infra.cql.many import read_many
from infra.cql.projection_store import CqlProjectionReader, CqlProjectionStore, timestamp
from infra.cql.projection_tables import put
from projections.media.projector import Attach, Blank, Collect, Describe, Hide, Put, SetSlot, Settle, TweetGone
from projections.media.read_model import PROJECTION, Media, Use
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed

HOUR_MS = 3_600_000
DUE_BUCKETS = 16
OF_MEDIA, OF_TWEET, OF_OWNER = 0, 1, 2
"""What an entry of `media_due` names."""

_SETTLED = Settle._fields[1:]
_PUT = put("media", "media_id, owner_id, at_ms, content_type, size, alt_text")
_PUT_OWNED = put("media_by_owner", "owner_id, media_id")
_PUT_DUE = put("media_due", "hour, bucket, source, id")
_SETTLE = f"UPDATE media{{g}} USING TIMESTAMP ? SET {', '.join(f'{name} = ?' for name in _SETTLED)} WHERE media_id = ?"
_DESCRIBE = "UPDATE media{g} USING TIMESTAMP ? SET described = ? WHERE media_id = ?"
_COLLECT = "UPDATE media{g} USING TIMESTAMP ? SET collected_at_ms = ? WHERE media_id = ?"
_BLANKED = (
    "UPDATE media{g} USING TIMESTAMP ? SET alt_text = '', described = '', file = '', blurhash = '', poster = '',"
    f" thumbnails = 0x{b'[]'.hex()} WHERE media_id = ?"
)
_ATTACH = put("attached", "media_id, tweet_id")
_PUT_WITH = put("tweets_with", "tweet_id, media_id")
_GONE = put("tweets_gone", "tweet_id, at_ms")
_HIDE = put("tweets_hidden", "tweet_id, hidden")
_SET_SLOT = put("slots", "owner_id, slot, media_id")


class CqlMediaStore(CqlProjectionStore):
    """A writer of media: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = {
        "media": """(
            media_id bigint PRIMARY KEY, owner_id bigint, at_ms bigint, content_type text, size bigint, alt_text text,
            described text, state tinyint, kind text, file text, served_type text, served_size bigint, width int,
            height int, duration_ms bigint, blurhash text, poster text, thumbnails blob, reason text,
            collected_at_ms bigint)""",
        "media_by_owner": "(owner_id bigint, media_id bigint, PRIMARY KEY (owner_id, media_id))"
        " WITH CLUSTERING ORDER BY (media_id DESC)",
        "attached": "(media_id bigint PRIMARY KEY, tweet_id bigint)",
        "tweets_with": "(tweet_id bigint, media_id bigint, PRIMARY KEY (tweet_id, media_id))",
        "tweets_gone": "(tweet_id bigint PRIMARY KEY, at_ms bigint)",
        "tweets_hidden": "(tweet_id bigint PRIMARY KEY, hidden boolean)",
        "slots": "(owner_id bigint, slot tinyint, media_id bigint, PRIMARY KEY (owner_id, slot))",
        "media_due": "(hour bigint, bucket int, source tinyint, id bigint, PRIMARY KEY ((hour, bucket), source, id))",
    }

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Write each by itself, side by side: the log's order is in its timestamp."""
        yield [call for placed in writes for call in self._calls(placed.write, timestamp(span, placed))]
        return ()

    def _calls(self, write: Any, at: int) -> Iterator[Call]:
        match write:
            case Put():
                yield Call(self.cql(_PUT), (*write, at))
                yield Call(self.cql(_PUT_OWNED), (write.owner_id, write.media_id, at))
                yield self._due(write.at_ms, OF_MEDIA, write.media_id, at)
            case Settle():
                yield Call(self.cql(_SETTLE), (at, *write[1:], write.media_id))
            case Describe():
                yield Call(self.cql(_DESCRIBE), (at, write.alt_text, write.media_id))
            case Collect():
                yield Call(self.cql(_COLLECT), (at, write.at_ms, write.media_id))
            case Blank():
                yield Call(self.cql(_BLANKED), (at, write.media_id))
            case Attach():
                yield Call(self.cql(_ATTACH), (*write, at))
                yield Call(self.cql(_PUT_WITH), (write.tweet_id, write.media_id, at))
            case TweetGone():
                yield Call(self.cql(_GONE), (*write, at))
                yield self._due(write.at_ms, OF_TWEET, write.tweet_id, at)
            case Hide():
                yield Call(self.cql(_HIDE), (*write, at))
            case SetSlot():
                yield Call(self.cql(_SET_SLOT), (*write[:3], at))
                yield self._due(write.at_ms, OF_OWNER, write.owner_id, at)

    def _due(self, at_ms: int, source: int, of: int, at: int) -> Call:
        return Call(self.cql(_PUT_DUE), (at_ms // HOUR_MS, bucket_of(of), source, of, at))


def bucket_of(number: int) -> int:
    """Return the bucket of an id: its milliseconds, as all else of it may be the same for a worker."""
    return (number >> 16) % DUE_BUCKETS


_MANY = (
    "SELECT media_id, owner_id, at_ms, content_type, size, state, alt_text, kind, file, served_type, served_size,"
    " width, height, duration_ms, blurhash, poster, thumbnails, reason, collected_at_ms, described"
    " FROM media{g} WHERE media_id IN ?"
)
_ATTACHED = "SELECT media_id, tweet_id FROM attached{g} WHERE media_id IN ?"
_GONE_AT = "SELECT tweet_id, at_ms FROM tweets_gone{g} WHERE tweet_id IN ?"
_HIDDEN = "SELECT tweet_id, hidden FROM tweets_hidden{g} WHERE tweet_id IN ?"
_OWNERS = "SELECT media_id, owner_id FROM media{g} WHERE media_id IN ?"
_SLOTS = "SELECT media_id FROM slots{g} WHERE owner_id IN ?"
_OF_OWNER = "SELECT media_id FROM media_by_owner{g} WHERE owner_id = ? AND media_id < ? LIMIT ?"
_ALL_OF_OWNERS = "SELECT media_id FROM media_by_owner{g} WHERE owner_id IN ?"
_OF_TWEETS = "SELECT media_id FROM tweets_with{g} WHERE tweet_id IN ?"
_OF_HOUR = "SELECT source, id FROM media_due{g} WHERE hour = ? AND bucket = ?"
_NOT_COLLECTED = "SELECT media_id, collected_at_ms FROM media{g} WHERE media_id IN ?"
_BLANK = Media(0, 0, 0, "", 0, 0, "")


class CqlMediaReader(CqlProjectionReader):
    """Reads media (MediaReader)."""

    PROJECTION = PROJECTION

    def many(self, media_ids: Collection[int]) -> dict[int, Media]:
        """Return those that were uploaded among the ids, collected ones too."""
        found = {}
        for *row, described in read_many(self.session, self.cql(_MANY), media_ids):
            media = Media._make(blank if value is None else value for value, blank in zip(row, _BLANK, strict=True))
            if media.owner_id:
                found[media.media_id] = media if described is None else media._replace(alt_text=described)
        return found

    def uses(self, media_ids: Collection[int]) -> dict[int, Use]:
        """Return where they are used."""
        attached: dict[int, int] = dict(read_many(self.session, self.cql(_ATTACHED), media_ids))
        gone: dict[int, int] = dict(read_many(self.session, self.cql(_GONE_AT), attached.values()))
        hidden: dict[int, bool] = dict(read_many(self.session, self.cql(_HIDDEN), attached.values()))
        owners: dict[int, int] = dict(read_many(self.session, self.cql(_OWNERS), media_ids))
        shown = {row[0] for row in read_many(self.session, self.cql(_SLOTS), filter(None, owners.values()))}
        found = ((media_id, attached.get(media_id, 0)) for media_id in media_ids)
        return {
            media_id: Use(tweet_id, gone.get(tweet_id, 0), media_id in shown, hidden.get(tweet_id, False))
            for media_id, tweet_id in found
        }

    def of_owner(self, owner_id: int, before: int | None, limit: int) -> list[int]:
        """Return ids of an account's media, newest first."""
        below = MAX_ID if before is None else before
        return [row[0] for row in self.session.run(self.cql(_OF_OWNER), (owner_id, below, limit))]

    def due(self, since_ms: int, until_ms: int) -> list[int]:
        """Return the ids of media of which something was said in those hours that may leave them unused."""
        hours = range(since_ms // HOUR_MS, -(-until_ms // HOUR_MS))
        asked = [Call(self.cql(_OF_HOUR), (hour, bucket)) for hour in hours for bucket in range(DUE_BUCKETS)]
        by_source: dict[int, set[int]] = {OF_MEDIA: set(), OF_TWEET: set(), OF_OWNER: set()}
        for source, of in chain.from_iterable(self.session.run_all(asked)):
            by_source[source].add(of)
        found = by_source[OF_MEDIA]
        found |= {row[0] for row in read_many(self.session, self.cql(_OF_TWEETS), by_source[OF_TWEET])}
        found |= {row[0] for row in read_many(self.session, self.cql(_ALL_OF_OWNERS), by_source[OF_OWNER])}
        kept = read_many(self.session, self.cql(_NOT_COLLECTED), found)
        return sorted(media_id for media_id, collected_at_ms in kept if not collected_at_ms)
