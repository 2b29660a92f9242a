"""One decoding process for all tests of a module: to start one takes a second on a busy machine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.media.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoder]:
    with closing(Decoder(tmp_path_factory.mktemp("decoder"))) as it:
        yield it
