"""Devices over HTTP: kept beside the log, refused where nothing can be sent, off where nobody is named who sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.ids import from_uuid
from tests.command_world import command_world
from tests.push_receiver import Device, raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import World

ENDPOINT = "https://push.example.org/a"


@pytest.fixture
async def pushing(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path, push_contact="mailto:ops@example.org") as made:
        yield made


def devices(world: World, user_id: str) -> list[str]:
    assert world.services.push is not None
    number = from_uuid(user_id) or 0
    return [it.endpoint for it in world.services.push.subscriptions.of([number]).get(number, [])]


async def test_a_browser_subscribes_and_ends_it(pushing: World) -> None:
    ada, bob = await pushing.register(), await pushing.register()
    key = (await ada.call("GET", "/push/vapid-key")).json()["key"]
    assert len(raw(key)) == 65
    said = len(pushing.events())
    answer = await ada.call("POST", "/push/subscriptions", Device().subscription(ENDPOINT))
    assert (answer.status_code, answer.json()["subscribed"]) == (201, True)
    assert (devices(pushing, ada.user_id), devices(pushing, bob.user_id)) == ([ENDPOINT], [])
    await bob.call("DELETE", "/push/subscriptions", {"endpoint": ENDPOINT})
    assert devices(pushing, ada.user_id) == [ENDPOINT]
    for _ in range(2):
        answer = await ada.call("DELETE", "/push/subscriptions", {"endpoint": ENDPOINT})
        assert (answer.status_code, answer.json()["subscribed"]) == (200, False)
    assert devices(pushing, ada.user_id) == []
    assert len(pushing.events()) == said  # personal data that no replay brings back


GOOD = Device().subscription(ENDPOINT)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({**GOOD, "endpoint": "http://push.example.org/a"}, "subscription_invalid", "endpoint"),
        ({**GOOD, "endpoint": "https://127.0.0.1/a"}, "subscription_invalid", "endpoint"),
        ({**GOOD, "endpoint": "https://localhost:22/a"}, "subscription_invalid", "endpoint"),
        ({**GOOD, "endpoint": "https://push.example.org/" + "a" * 3_000}, "subscription_invalid", "endpoint"),
        ({**GOOD, "endpoint": "https://push.example.org/" + "a" * 5_000}, "body_invalid", "endpoint"),
        ({**GOOD, "keys": {**GOOD["keys"], "auth": "AAAA"}}, "subscription_invalid", "keys"),
        ({**GOOD, "keys": {**GOOD["keys"], "p256dh": "B" * 87}}, "subscription_invalid", "keys"),
        ({**GOOD, "keys": {"auth": "AAAA"}}, "body_invalid", "keys.p256dh"),
        ({**GOOD, "keys": None}, "body_invalid", "keys"),
        ({**GOOD, "user_id": "x"}, "not_the_subject", "user_id"),
        ({}, "body_invalid", "endpoint"),
        (None, "body_invalid", None),
    ],
    ids=lambda it: str(it)[:30],
)
async def test_what_nothing_can_be_sent_to_is_refused(pushing: World, body: Any, code: str, param: str | None) -> None:
    ada = await pushing.register()
    answer = await ada.call("POST", "/push/subscriptions", body)
    assert (answer.json()["code"], answer.json().get("param")) == (code, param), answer.text
    assert devices(pushing, ada.user_id) == []


async def test_where_nobody_is_named_who_sends_it_is_off(world: World) -> None:
    ada = await world.register()
    calls = (("GET", "/push/vapid-key"), ("POST", "/push/subscriptions"), ("DELETE", "/push/subscriptions"))
    for method, path in calls:
        answer = await ada.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "push_off")
        assert (await world.client.request(method, f"/api/v1{path}")).status_code == 401
    assert not world.services.settings.push_path.exists()
