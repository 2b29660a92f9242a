"""An erasure that dies between any two steps is finished by the next one, and ends as one that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commands.privacy.erasure import Erasure
from infra.auth.data_keys import DataKey
from infra.erasing.files import FileCopies
from infra.log.port import LogUnavailableError
from schemas.accounts.events import AccountErased
from schemas.ids import from_uuid
from schemas.tweets.events import TopicsWithdrawn
from tests.command_world import command_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.command_world import World

MOST_STEPS = 40


class DiedError(Exception):
    """The process is gone."""


class Steps:
    """Counts what an erasure does to the world, and lets it die before one of these."""

    def __init__(self, dies_before: int) -> None:
        self.left = dies_before

    def dying(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise DiedError
            return work(*given, **named)

        return wrapped


class Copies(FileCopies):
    """Those of the world, which pass by themselves."""

    def behind(self, positions: object) -> list[str]:
        del positions
        return []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path, wait_ms=20_000) as opened:
        services = opened.services
        privacy = services.privacy._replace(copies=Copies(services.settings))
        object.__setattr__(services, "privacy", privacy)
        yield opened


async def planted(world: World, number: int) -> int:
    user = await world.register(f"leaver_{number}", email=f"leaver{number}@example.org")
    await user.post(f"words of {number} #tag{number}")
    await user.call("POST", f"/users/{(await world.register(f'friend_{number}')).user_id}/follow")
    return from_uuid(user.user_id) or 0


async def dies(world: World, user_id: int, before: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Tell whether it died before that step; it is a process of its own, so its lease is what it leaves."""
    steps = Steps(before)
    services = world.services
    with monkeypatch.context() as dying:
        for of, name in (
            (services.journal, "commit"),
            (services.journal, "forget"),
            (services.registry, "end_sessions"),
            (services.registry, "destroy"),
            (services.privacy.departures, "forget"),
            (services.privacy.copies, "scrub"),
        ):
            dying.setattr(of, name, steps.dying(getattr(of, name)))
        try:
            await Erasure(services).erase(user_id, now=True)
        except DiedError:
            return True
    return False


async def test_whatever_step_it_dies_before_the_next_one_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = 0
    for before in range(MOST_STEPS):
        user_id = await planted(world, before)
        died = await dies(world, user_id, before, monkeypatch)
        assert await Erasure(world.services).erase(user_id, now=True) == ((), ())
        world.projections.catch_up()  # none is waited for here
        account = world.services.views.accounts.many([user_id])[user_id]
        assert (account.username, account.status) == ("", "DELETED")
        assert await world.services.registry.kept_key(user_id) == DataKey(None)
        finished += 1
        if not died:
            break
    assert 5 < finished < MOST_STEPS
    assert (world.count(AccountErased), world.count(TopicsWithdrawn)) == (finished, finished)
    assert world.services.privacy.departures.due(1 << 62, 99) == []


async def test_a_log_that_is_away_ends_a_round_and_not_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = await planted(world, 0)
    world.services.privacy.departures.note(user_id, 0)
    await Erasure(world.services).erase(user_id + 1, now=True)

    async def away(*_: object) -> None:
        raise LogUnavailableError("away")

    with monkeypatch.context() as broken:
        broken.setattr(world.services.journal, "commit", away)
        broken.setattr(Erasure, "erase", Erasure._erase)
        assert await Erasure(world.services).round() == 0
    assert user_id in world.services.privacy.departures.due(0, 9)
