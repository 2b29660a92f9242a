"""What is worth a message: over a real log and real read models, to a real receiver."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from infra.log.port import Span
from infra.projections import StoreUnavailableError
from infra.push.subscriptions import Subscription
from infra.push.webpush import Keys
from projections.notifications.notices import told
from schemas.follows.events import Blocked, Muted
from schemas.ids import to_uuid
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from streams.errors import TransientError
from streams.push.bootstrap import open_effects
from streams.push.files import open_push
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.push_receiver import Device, PushService, message
from tests.query_world import World, tweet_id, uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from schemas.envelope import Event
    from streams.parts import PushParts
    from streams.push.effects import Effects

ME, ANN, BOB = (uid(n) for n in range(3))
MINE = (tweet_id(1), ME)


class Pushed:
    """The effects over a world, whose clock stands at its events' time."""

    def __init__(self, world: World, service: PushService, effects: Effects, parts: PushParts) -> None:
        self.world, self.service, self.effects, self.parts = world, service, effects, parts
        self.device = Device()
        self.subscribe("/mine")

    def subscribe(self, path: str, user_id: int = ME) -> None:
        keys = Keys(self.device.p256dh, self.device.auth)
        self.parts.subscriptions.add(Subscription(user_id, self.service.endpoint(path), keys, 0))

    async def say(self, *events: Event) -> list[dict[str, Any]]:
        """Project the events and tell them one by one; return what arrived by then."""
        await self.world.given(*events)
        for event in events:
            await self.effects.tell(told(event), Span("follows", 0, 0, 0))
        return [message(self.device, received) for received in self.service.received]


class StandingClock:
    def now_ms(self) -> int:
        return EPOCH_MS + 1_800_000


@pytest.fixture
async def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pushed]:
    monkeypatch.setattr("streams.push.bootstrap.SystemClock", StandingClock)
    sending: dict[str, Any] = {"push_contact": "mailto:ops@example.org", "push_allow_loopback": True}
    async with AsyncExitStack() as opened:
        world = await opened.enter_async_context(World(tmp_path, **sending))
        service = await opened.enter_async_context(PushService())
        people = zip((ME, ANN, BOB), ("me", "ann", "bob"), strict=True)
        await world.given(*(builders.registered(*one) for one in people), builders.posted(ME, MINE[0]))
        parts = open_push(world.settings, opened.enter_context(ExitStack()))

        class Given:
            def open_push(self) -> PushParts:
                return parts

        effects = open_effects(world.settings, Given(), CollectorRegistry())  # type: ignore[arg-type]  # all it asks for
        yield Pushed(world, service, effects, parts)
        await effects.close()


async def test_a_device_is_told_who_did_what(pushed: Pushed) -> None:
    (said,) = await pushed.say(builders.liked(ANN, MINE, EPOCH_MS))
    assert said == {
        "notification_id": f"like:{to_uuid(MINE[0])}:2023-11-14",
        "kind": "like",
        "tweet_id": to_uuid(MINE[0]),
        "actor": {"user_id": to_uuid(ANN), "username": "ann", "display_name": "Ann"},
        "created_at": "2023-11-14T22:13:20.000Z",
    }
    assert len(await pushed.say(builders.followed(ANN, ME))) == 2
    assert len({received.headers["topic"] for received in pushed.service.received}) == 2


async def test_a_group_is_told_once_a_minute(pushed: Pushed) -> None:
    assert len(await pushed.say(builders.liked(ANN, MINE), builders.liked(BOB, MINE))) == 1


async def test_of_a_batch_the_newest_of_a_group_is_told(pushed: Pushed) -> None:
    likes = [builders.liked(user, MINE, EPOCH_MS + user % 7) for user in (ANN, BOB)]
    await pushed.world.given(*likes)
    await pushed.effects.tell([notice for like in likes for notice in told(like)], Span("follows", 0, 0, 0))
    (received,) = pushed.service.received
    assert message(pushed.device, received)["actor"]["username"] == "bob"


@pytest.mark.parametrize(
    "before",
    [
        Muted(envelope(), ME, ANN),
        Blocked(envelope(), ME, ANN),
        Blocked(envelope(), ANN, ME),
        NotificationsSwitched(envelope(), ME, {"like": False}),
        NotificationsRead(envelope(), ME, EPOCH_MS + 1),
        builders.deleted(ME, MINE[0]),
        builders.suspended(ANN),
        builders.suspended(ME),
    ],
    ids=lambda it: type(it).__name__,
)
async def test_what_the_page_would_not_show_as_new_is_not_told(pushed: Pushed, before: Event) -> None:
    await pushed.world.given(before)
    assert await pushed.say(builders.liked(ANN, MINE, EPOCH_MS)) == []


async def test_what_was_taken_back_by_now_or_told_before_is_not_told(pushed: Pushed) -> None:
    like = builders.liked(ANN, MINE, EPOCH_MS)
    await pushed.world.given(like, builders.unliked(ANN, MINE, EPOCH_MS + 1))
    await pushed.effects.tell(told(like), Span("follows", 0, 0, 0))
    assert await pushed.say(builders.liked(ANN, MINE, EPOCH_MS + 2)) == []


async def test_what_is_long_ago_is_not_told(pushed: Pushed) -> None:
    long_ago = EPOCH_MS + 1_800_000 - 3_600_001
    assert await pushed.say(builders.followed(ANN, ME, long_ago)) == []
    assert len(await pushed.say(builders.followed(BOB, ME, long_ago + 1))) == 1


async def test_a_device_that_has_gone_is_forgotten_and_the_others_are_told(pushed: Pushed) -> None:
    pushed.subscribe("/other")
    pushed.service.answers["/mine"] = ["410 Gone"]
    await pushed.say(builders.followed(ANN, ME))
    assert {received.path for received in pushed.service.received} == {"/mine", "/other"}
    assert [it.endpoint for it in pushed.parts.subscriptions.of([ME])[ME]] == [pushed.service.endpoint("/other")]


async def test_nobody_elses_device_is_told(pushed: Pushed) -> None:
    pushed.subscribe("/bobs", BOB)
    await pushed.say(builders.followed(ANN, ME))
    assert [received.path for received in pushed.service.received] == ["/mine"]


async def test_nothing_is_told_before_the_read_models_know_it(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.push.effects.PASS_SECONDS", 0.05)
    follow = builders.followed(ANN, ME)
    await pushed.world.publish(follow)
    with pytest.raises(TransientError):
        await pushed.effects.tell(told(follow), Span("follows", ME % 2, 0, 1))
    pushed.world.project()
    await pushed.effects.tell(told(follow), Span("follows", ME % 2, 0, 0))
    assert len(pushed.service.received) == 1


async def test_a_store_that_is_away_is_tried_again(pushed: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: object) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(pushed.parts.subscriptions, "of", away)
    with pytest.raises(TransientError):
        await pushed.effects.tell(told(builders.followed(ANN, ME)), Span("follows", 0, 0, 0))
