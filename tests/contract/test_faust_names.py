"""Holds Faust to the names that our transport leans on: private ones change in any release, so the version is pinned.

A name that we override must still exist, take what ours takes, and be called from where we expect it; a name that we
read must still be there and mean the same.
"""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust
import pytest
from faust.app.base import App
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.base import Transport
from faust.transport.consumer import Consumer
from faust.transport.drivers import TRANSPORTS, aiokafka
from faust.types.tuples import ConsumerMessage, Message
from mode.utils.queues import FlowControlQueue

from streams import transports
from streams.app import ProjectionApp, _NoTables
from streams.transports import kafkabatch, sqlog
from streams.transports.batches import BatchConsumer, BatchMessage

if TYPE_CHECKING:
    from infra.log.port import TopicPartition

_COMPILED_STREAM = Path(faust.__file__).parent / "_cython" / "streams.pyx"


def source(thing: Any) -> str:
    return inspect.getsource(inspect.unwrap(thing))


def test_the_versions_are_the_ones_tried() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"


OVERRIDDEN = [
    # what of ours, what of Faust's, who calls it
    (sqlog.Consumer, Consumer, "_wait_next_records", Consumer.getmany),
    (sqlog.Consumer, Consumer, "_getmany", Consumer._wait_next_records),
    (sqlog.Consumer, Consumer, "_to_message", Consumer.getmany),
    (sqlog.Consumer, Consumer, "highwater", Consumer.getmany),
    (sqlog.Consumer, Consumer, "_new_offset", Consumer._filter_committable_offsets),
    (sqlog.Consumer, Consumer, "_add_gap", Consumer._drain_messages),
    (sqlog.Consumer, Consumer, "_commit", Consumer._commit_offsets),
    (sqlog.Consumer, Consumer, "assignment", Consumer._commit_offsets),
    (sqlog.Consumer, Consumer, "seek_to_committed", Consumer.perform_seek),
    (sqlog.Consumer, Consumer, "perform_seek", Recovery._resume_streams),
    (sqlog.Consumer, Consumer, "_seek", Consumer.seek),
    (kafkabatch.Consumer, Consumer, "_getmany", Consumer._wait_next_records),
    (kafkabatch.Consumer, Consumer, "_to_message", Consumer.getmany),
    (kafkabatch.Consumer, Consumer, "_new_offset", Consumer._filter_committable_offsets),
    (kafkabatch.Consumer, Consumer, "seek_to_committed", Consumer.perform_seek),
    (kafkabatch.Consumer, Consumer, "verify_event_path", Consumer.verify_all_partitions_active),
    (ProjectionApp, App, "_create_directories", App.on_first_start),
]


@pytest.mark.parametrize(("ours", "theirs", "name", "caller"), OVERRIDDEN)
def test_what_we_override_is_there_and_called(ours: Any, theirs: Any, name: str, caller: Any) -> None:
    assert hasattr(theirs, name)
    assert f".{name}" in source(caller)
    assert getattr(ours, name) is not getattr(theirs, name)
    wanted = list(inspect.signature(getattr(theirs, name)).parameters)
    assert list(inspect.signature(getattr(ours, name)).parameters) == wanted


def test_nothing_that_a_consumer_must_have_is_missing() -> None:
    assert sqlog.Consumer.__abstractmethods__ == frozenset()
    ours = {*vars(sqlog.Consumer), *vars(BatchConsumer)}
    assert {name for name in Consumer.__abstractmethods__ if name not in ours} == set()


def test_our_consumer_of_kafka_is_faust_s_with_ours_before_it() -> None:
    assert kafkabatch.Consumer.__abstractmethods__ == frozenset()
    order = kafkabatch.Consumer.__mro__
    assert order.index(BatchConsumer) < order.index(aiokafka.Consumer) < order.index(Consumer)
    assert "self._thread.getmany" in source(aiokafka.Consumer._getmany)
    assert "fetched_records" in source(aiokafka.AIOKafkaConsumerThread._fetch_records)


def test_the_driver_takes_our_settings_for_kafka() -> None:
    async def checkpoints() -> dict[TopicPartition, int]:
        return {}

    made = source(aiokafka.AIOKafkaConsumerThread._create_worker_consumer)
    for name in kafkabatch.KafkaSource("host:1", checkpoints).options(1):
        assert name in ("broker", *made.replace("conf.", " ").replace(",", " ").split()), name


@pytest.mark.parametrize("name", ["_read_offset", "_acked", "_acked_index", "_committed_offset", "_unacked_messages"])
def test_the_consumer_keeps_its_books_under_these_names(name: str) -> None:
    assert f"self.{name} = " in source(Consumer.__init__)


def test_the_consumer_commits_what_stands_in_acked() -> None:
    assert "in self._acked" in source(Consumer._filter_tps_with_pending_acks)  # else _new_offset is never asked


def test_full_partitions_leave_and_come_back_through_the_buffered_set() -> None:
    assert "_buffered_partitions" in source(Consumer.on_buffer_drop)
    assert "_get_active_partitions" in source(Consumer.on_buffer_drop)
    assert "on_pressure_drop" in source(FlowControlQueue.put_nowait_enhanced)


def test_only_partitions_of_an_active_flow_are_fetched() -> None:
    assert "self.flow_active" in source(Consumer._wait_next_records)
    assert "await self.sleep(1)" in source(Consumer._wait_next_records)  # the stall that ours goes around


def test_messages_of_another_generation_are_skipped_and_skipped_ones_are_not_tracked() -> None:
    compiled = _COMPILED_STREAM.read_text(encoding="utf-8")
    for text in (compiled, source(Stream._py_aiter)):
        skip, track = text.index("app.consumer_generation_id"), text.index("message.tracked = True")
        assert skip < track
    assert "message.acked = True" in compiled  # set on the message itself, past Consumer.ack
    assert App.consumer_generation_id == 0


def test_a_message_says_itself_whether_it_is_done() -> None:
    assert {"acked", "tracked", "value", "generation_id"} <= set(Message.__slots__)
    assert ConsumerMessage.use_tracking
    assert isinstance(vars(BatchMessage)["acked"], property)
    wanted = list(inspect.signature(Message.__init__).parameters)
    assert {"tp", "generation_id", "timestamp_type", "headers", "checksum"} <= set(wanted)
    assert "self.acked" in source(Message.__init__)
    assert "topics.acks_enabled_for" in source(Consumer.ack)


def test_a_rebalance_is_driven_by_these() -> None:
    for name in ("on_rebalance_start", "on_rebalance_end", "on_rebalance_return"):
        assert callable(getattr(App, name))
    assert list(inspect.signature(Consumer.on_partitions_revoked).parameters) == ["self", "revoked"]
    assert list(inspect.signature(Consumer.on_partitions_assigned).parameters) == ["self", "assigned", "generation_id"]
    assert "generation_id != app.consumer_generation_id" in source(Recovery.on_rebalance)


def test_the_table_manager_starts_without_its_second_of_sleep() -> None:
    assert issubclass(_NoTables, TableManager)
    started = [line.strip() for line in source(TableManager.on_start).splitlines()[2:]]
    assert started == [
        "await self.sleep(1.0)",
        "if not self.should_stop:",
        "await self._update_channels()",
        "await self.recovery.start()",
    ]


def test_the_transport_is_found_by_its_scheme() -> None:
    transports.register()
    assert TRANSPORTS.by_url("sqlog://") is sqlog.Transport
    assert TRANSPORTS.by_url("kafkabatch://") is kafkabatch.Transport
    assert issubclass(sqlog.Transport, Transport)
    assert sqlog.Transport.Consumer is sqlog.Consumer
    installed = {point.name: point.value for point in entry_points(group="faust.transports")}
    assert {
        name: installed[name] for name in transports.SCHEMES if name in installed
    }.items() <= transports.SCHEMES.items()
