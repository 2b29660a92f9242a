"""What is said in one line, with the remedy."""

from __future__ import annotations

import pytest

from infra.trouble import trouble_of


@pytest.mark.parametrize("name", ["confluent_kafka", "cassandra.cluster", "redis", "greenlet"])
def test_a_client_of_servers_that_is_not_installed_is_named_with_the_remedy(name: str) -> None:
    trouble = trouble_of(ModuleNotFoundError(f"No module named {name!r}", name=name))
    assert trouble is not None
    assert str(trouble).startswith(f"the clients of servers are not installed ({name})")
    assert "make servers" in trouble.remedy


@pytest.mark.parametrize("error", [ModuleNotFoundError("x", name="ours"), ValueError("x")])
def test_what_nobody_at_the_keyboard_can_mend_is_not_trouble(error: Exception) -> None:
    assert trouble_of(error) is None
