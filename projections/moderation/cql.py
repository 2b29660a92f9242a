"""Keeps moderation on Scylla or Cassandra.

Consumes:   the writes of projections.moderation.projector, placed
Writes:     see projections.moderation.cql_layout
Guarantee:  see infra.cql.projection_store; nothing is read: each write says how it is, and the log's last word holds
Rebuild:    see infra.cql.projection_store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from infra.cql.projection_store import CqlProjectionStore, timestamp
from infra.cql.session import Call
from projections.moderation.cql_layout import ALL, ALWAYS, AUDIT, QUEUE, TABLES, day_of, day_of_event
from projections.moderation.cql_reader import CqlModerationReader
from projections.moderation.projector import BlankReport, Deny, SetCase
from projections.moderation.read_model import PROJECTION, Audited, Entry, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.cql.projection_store import Steps
    from infra.log.port import Span
    from infra.projections import Placed
    from projections.moderation.projector import Write

__all__ = ["CqlModerationReader", "CqlModerationStore"]

_SET_CASE = "UPDATE cases{{g}} USING TIMESTAMP ? SET {} WHERE subject_id = ?"
_PUT_REPORT = """INSERT INTO reports{g} (subject_id, reporter_id, reason, comment, at_ms) VALUES (?, ?, ?, ?, ?)
                 USING TIMESTAMP ?"""
_BLANK_REPORT = "UPDATE reports{g} USING TIMESTAMP ? SET comment = '' WHERE subject_id = ? AND reporter_id = ?"
_PUT_DAY = "INSERT INTO moderation_days{g} (list, day) VALUES (?, ?) USING TIMESTAMP ?"
_PUT_ENTRY = "INSERT INTO moderation_queue{g} (day, at_ms, subject_id) VALUES (?, ?, ?) USING TIMESTAMP ?"
_PUT_AUDIT = """INSERT INTO moderation_audit{g} (day, event_id, subject_id, actor_id, did, said)
                VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_PUT_AUDIT_OF = """INSERT INTO moderation_audit_of{g} (event_id, subject_id, actor_id, did, said)
                   VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_PUT_DENIED = "INSERT INTO denied_topics{g} (everything, topic, denied) VALUES (?, ?, ?) USING TIMESTAMP ?"


class CqlModerationStore(CqlProjectionStore):
    """A writer of moderation: of its log partitions."""

    PROJECTION = PROJECTION
    TABLES: ClassVar[Mapping[str, str]] = TABLES

    def steps(self, writes: Sequence[Placed], span: Span) -> Steps:
        """Write everything side by side."""
        yield [call for it in writes for call in self._calls(it.write, timestamp(span, it))]
        return None

    def _calls(self, write: Write, at: int) -> Iterator[Call]:
        match write:
            case SetCase():
                fields = {name: it for name, it in write._asdict().items() if it is not None and name != "subject_id"}
                if not fields:
                    return
                text = self.cql(_SET_CASE.format(", ".join(f"{name} = ?" for name in fields)))
                yield Call(text, (at, *fields.values(), write.subject_id))
            case Report():
                yield Call(self.cql(_PUT_REPORT), (*write, at))
            case BlankReport():
                yield Call(self.cql(_BLANK_REPORT), (at, *write))
            case Entry():
                day = day_of(write.at_ms)
                yield Call(self.cql(_PUT_DAY), (QUEUE, day, ALWAYS))
                yield Call(self.cql(_PUT_ENTRY), (day, *write, at))
            case Audited():
                day = day_of_event(write.event_id)
                yield Call(self.cql(_PUT_DAY), (AUDIT, day, ALWAYS))
                yield Call(self.cql(_PUT_AUDIT), (day, *write, at))
                yield Call(self.cql(_PUT_AUDIT_OF), (*write, at))
            case Deny():
                yield Call(self.cql(_PUT_DENIED), (ALL, *write, at))
            case _:
                assert_never(write)
