from __future__ import annotations

import asyncio
import contextlib

from infra.log.port import Batch
from streams.transports.batches import BatchMessage


def a_message(*, tracked: bool) -> BatchMessage:
    batch = Batch("follows", 0, 0, [1], [b"a"])
    message = BatchMessage("follows", 0, 0, 0.0, 0, None, None, batch, None)
    message.tracked = tracked  # Faust sets it when it hands the message to a stream
    return message


def test_a_finished_batch_is_acknowledged_and_lets_go_of_its_records() -> None:
    message = a_message(tracked=True)
    assert not message.acked
    message.acked = True
    assert message.acked
    assert message.value is None


def test_a_batch_that_no_agent_was_given_is_not_acknowledged() -> None:
    message = a_message(tracked=False)
    message.acked = True
    assert not message.acked
    assert message.value is not None


def test_a_batch_is_not_acknowledged_while_its_agent_is_thrown_out() -> None:
    for thrown in (GeneratorExit, asyncio.CancelledError):
        message = a_message(tracked=True)
        with contextlib.suppress(thrown):
            try:
                raise thrown
            finally:
                message.acked = True
        assert not message.acked
