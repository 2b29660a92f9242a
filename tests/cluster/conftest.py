"""Here the settings are those of the cluster profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from infra.settings import Settings


@pytest.fixture
def settings(cluster: Settings) -> Settings:
    """Settings that point at the session's servers."""
    return cluster
