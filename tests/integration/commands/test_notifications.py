"""Marking notifications as read and choosing kinds: what is said on the log, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.ids import from_uuid
from schemas.notifications.events import NotificationsRead, NotificationsSwitched

if TYPE_CHECKING:
    from tests.command_world import World


async def test_up_to_a_time_or_up_to_now(world: World) -> None:
    ada = await world.register()
    answer = await ada.call("POST", "/notifications/read", {"up_to": "2026-01-01T01:00:00.123+01:00"})
    assert (answer.status_code, answer.json()) == (200, {"up_to": "2026-01-01T00:00:00.123Z"})
    assert "X-Consistency-Token" in answer.headers
    for body in (None, {}, {"up_to": "2999-01-01T00:00:00Z"}):
        assert (await ada.call("POST", "/notifications/read", body)).status_code == 200
    said = [event for event in world.events() if isinstance(event, NotificationsRead)]
    assert {event.user_id for event in said} == {from_uuid(ada.user_id)}
    assert said[0].up_to_ms == 1_767_225_600_123
    assert all(event.up_to_ms == event.envelope.occurred_at_ms for event in said[1:])


async def test_kinds_are_switched_on_and_off(world: World) -> None:
    ada = await world.register()
    answer = await ada.call("PATCH", "/notifications/preferences", {"like": False, "follow": True, "quote": None})
    assert (answer.status_code, answer.json()) == (200, {"like": False, "follow": True})
    assert (await ada.call("PATCH", "/notifications/preferences", {})).json() == {}
    (event,) = (event for event in world.events() if isinstance(event, NotificationsSwitched))
    assert event.wanted == {"like": False, "follow": True}


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "param"),
    [
        ("POST", "/notifications/read", {"up_to": "yesterday"}, "body_invalid", "up_to"),
        ("POST", "/notifications/read", {"up_to": "2026-01-01T00:00:00"}, "body_invalid", "up_to"),
        ("POST", "/notifications/read", {"up_to": 5}, "body_invalid", "up_to"),
        ("POST", "/notifications/read", {"upto": None}, "body_invalid", "upto"),
        ("POST", "/notifications/read", [], "body_invalid", None),
        ("POST", "/notifications/read?user_id=x", None, "not_the_subject", "user_id"),
        ("PATCH", "/notifications/preferences", {"poke": True}, "body_invalid", "poke"),
        ("PATCH", "/notifications/preferences", {"like": "no"}, "body_invalid", "like"),
        ("PATCH", "/notifications/preferences", {"user_id": "x"}, "not_the_subject", "user_id"),
        ("PATCH", "/notifications/preferences", None, "body_invalid", None),
    ],
)
async def test_what_is_wrong_is_a_problem(
    world: World, method: str, path: str, body: Any, code: str, param: str | None
) -> None:
    ada = await world.register()
    answer = await ada.call(method, path, body)
    assert (answer.json()["code"], answer.json().get("param")) == (code, param), answer.text
    assert not [event for event in world.events() if isinstance(event, NotificationsRead | NotificationsSwitched)]


async def test_without_a_token_nobody_is_anybody(world: World) -> None:
    for method, path in (("POST", "/notifications/read"), ("PATCH", "/notifications/preferences")):
        assert (await world.client.request(method, f"/api/v1{path}")).status_code == 401
