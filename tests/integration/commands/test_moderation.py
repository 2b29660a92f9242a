"""Reports, cases and appeals: what may be done by whom, and what is said on the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from commands.standing.operator import Asked, run
from schemas.accounts.events import AccountRestored, AccountSuspended, ReachChanged
from schemas.moderation.events import Appealed, CaseClaimed, CaseDecided, NoteAdded, ReportFiled, TopicDenied
from schemas.tweets.events import TweetModerated
from tests.command_world import PASSWORD, User, command_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.command_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path) as made:
        yield made


async def moderator(world: World, name: str, *, admin: bool = False) -> User:
    """Register somebody, make it a moderator, and log in again for a token that says so."""
    await world.register(name)
    await run(world.services.settings, Asked("promote", name, admin=admin))
    answer = await world.client.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    told = answer.json()
    return User(world.client, told["user"]["user_id"], name, told["access_token"], told["refresh_token"])


async def told(user: User, method: str, path: str, body: object = None) -> tuple[int, Any]:
    answer = await user.call(method, path, body)
    found = answer.json()
    return answer.status_code, found.get("code", found)


async def reported(author: User, by: User) -> str:
    tweet = await author.post("buy my tea")
    assert (await told(by, "POST", "/reports", {"tweet_id": tweet, "reason": "spam", "comment": "again"}))[0] == 201
    return tweet


def last(world: World, kind: type[Any]) -> Any:
    return [it for it in world.events() if isinstance(it, kind)][-1]


async def test_a_report_is_filed_once(world: World) -> None:
    ann, bob = await world.register("Ann"), await world.register("Bob")
    tweet = await reported(ann, bob)
    assert last(world, ReportFiled).comment == "again"
    assert await told(bob, "POST", "/reports", {"tweet_id": tweet, "reason": "hate"}) == (409, "already_reported")
    assert await told(ann, "POST", "/reports", {"tweet_id": tweet, "reason": "hate"}) == (403, "own_case")
    status, answer = await told(bob, "POST", "/reports", {"account_id": ann.user_id, "reason": "abuse"})
    assert (status, answer["case_id"]) == (201, ann.user_id)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"reason": "spam"}, (400, "subject_unclear")),
        ({"reason": "spam", "tweet_id": "x"}, (404, "tweet_not_found")),
        ({"reason": "spam", "account_id": "x"}, (404, "user_not_found")),
        ({"reason": "boring", "tweet_id": "x"}, (400, "body_invalid")),
        ({"reason": "spam", "tweet_id": "x", "comment": "x" * 501}, (400, "reason_invalid")),
    ],
)
async def test_a_report_that_says_nothing_is_refused(world: World, body: dict[str, str], refused: Any) -> None:
    assert await told(await world.register(), "POST", "/reports", body) == refused


async def test_one_moderator_holds_a_case(world: World) -> None:
    ann, bob = await world.register("Ann"), await world.register("Bob")
    case = f"/moderation/cases/{await reported(ann, bob)}"
    one, two = await moderator(world, "one"), await moderator(world, "two")
    answers = await asyncio.gather(told(one, "POST", f"{case}/claim"), told(two, "POST", f"{case}/claim"))
    assert sorted(it[0] for it in answers) == [200, 409]
    holder, other = (one, two) if answers[0][0] == 200 else (two, one)
    assert world.count(CaseClaimed) == 1
    assert (await told(holder, "POST", f"{case}/claim"))[0] == 200
    assert world.count(CaseClaimed) == 1
    assert await told(other, "POST", f"{case}/decision", {"action": "hide"}) == (409, "case_not_held")
    assert await told(other, "DELETE", f"{case}/claim") == (409, "case_held")
    assert (await told(holder, "DELETE", f"{case}/claim"))[1]["held"] is False
    assert (await told(other, "POST", f"{case}/claim"))[0] == 200


async def test_who_is_no_moderator_may_not(world: World) -> None:
    ann, bob = await world.register("Ann"), await world.register("Bob")
    case = f"/moderation/cases/{await reported(ann, bob)}"
    assert await told(bob, "POST", f"{case}/claim") == (403, "insufficient_scope")
    mod = await moderator(world, "mod")
    await run(world.services.settings, Asked("demote", "mod"))
    world.projections.catch_up()
    assert await told(mod, "POST", f"{case}/claim") == (403, "not_a_moderator")


async def test_a_decision_says_what_follows_and_lets_go(world: World) -> None:
    ann, bob, mod = await world.register("Ann"), await world.register("Bob"), await moderator(world, "mod")
    tweet = await reported(ann, bob)
    case = f"/moderation/cases/{tweet}"
    await told(mod, "POST", f"{case}/claim")
    assert (await told(mod, "POST", f"{case}/notes", {"text": "clear"}))[0] == 201
    assert last(world, NoteAdded).text == "clear"
    refused = await told(mod, "POST", f"{case}/decision", {"action": "label"})
    assert refused == (400, "action_invalid")
    status, answer = await told(mod, "POST", f"{case}/decision", {"action": "hide", "reason": "spam"})
    assert (status, answer["action"]) == (200, "hide")
    assert last(world, TweetModerated).hidden
    assert last(world, CaseDecided).reason == "spam"
    world.projections.catch_up()
    assert await told(bob, "POST", f"/tweets/{tweet}/like") == (404, "tweet_not_found")
    assert await told(mod, "POST", f"{case}/decision", {"action": "restore"}) == (409, "case_not_held")


async def test_a_suspension_by_a_decision_ends_sessions(world: World) -> None:
    ann, bob, mod = await world.register("Ann"), await world.register("Bob"), await moderator(world, "mod")
    await told(bob, "POST", "/reports", {"account_id": ann.user_id, "reason": "abuse"})
    case = f"/moderation/cases/{ann.user_id}"
    await told(mod, "POST", f"{case}/claim")
    assert await told(mod, "POST", f"{case}/decision", {"action": "hide"}) == (400, "action_invalid")
    status, answer = await told(mod, "POST", f"{case}/decision", {"action": "suspend", "days": 3})
    assert status == 200
    assert answer["until"] is not None
    assert last(world, AccountSuspended).until_ms > 0
    assert (await told(ann, "POST", "/tweets", {"content": "x"}))[0] in {401, 403}
    assert (await told(bob, "POST", f"/users/{ann.user_id}/follow")) == (404, "user_not_found")


async def test_a_moderator_is_suspended_by_an_admin_alone(world: World) -> None:
    bob, mod, other = await world.register("Bob"), await moderator(world, "mod"), await moderator(world, "other")
    await told(bob, "POST", "/reports", {"account_id": mod.user_id, "reason": "abuse"})
    case = f"/moderation/cases/{mod.user_id}"
    assert await told(mod, "POST", f"{case}/claim") == (403, "own_case")
    await told(other, "POST", f"{case}/claim")
    assert await told(other, "POST", f"{case}/decision", {"action": "suspend"}) == (403, "admin_needed")
    admin = await moderator(world, "root", admin=True)
    assert (await told(admin, "DELETE", f"{case}/claim"))[0] == 200
    await told(admin, "POST", f"{case}/claim")
    assert (await told(admin, "POST", f"{case}/decision", {"action": "suspend"}))[0] == 200


async def test_an_appeal_is_decided_by_another_and_undoes(world: World) -> None:
    ann, bob = await world.register("Ann"), await world.register("Bob")
    one, two = await moderator(world, "one"), await moderator(world, "two")
    await told(bob, "POST", "/reports", {"account_id": ann.user_id, "reason": "abuse"})
    case = f"/moderation/cases/{ann.user_id}"
    await told(one, "POST", f"{case}/claim")
    await told(one, "POST", f"{case}/decision", {"action": "suspend"})
    plea = {"text": "it was a joke", "username": "ann", "password": PASSWORD}
    wrong = await world.client.post("/api/v1/moderation/appeals", json={**plea, "password": "wrong horse"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "login_failed")
    filed = await world.client.post("/api/v1/moderation/appeals", json=plea)
    assert (filed.status_code, filed.json()["case_id"]) == (201, ann.user_id)
    assert last(world, Appealed).text == "it was a joke"
    again = await world.client.post("/api/v1/moderation/appeals", json=plea)
    assert again.status_code in {404, 409}
    await told(one, "POST", f"{case}/claim")
    assert await told(one, "POST", f"{case}/appeal-decision", {"upheld": False}) == (403, "own_case")
    await told(one, "DELETE", f"{case}/claim")
    await told(two, "POST", f"{case}/claim")
    assert await told(two, "POST", f"{case}/decision", {"action": "dismiss"}) == (409, "case_appealed")
    assert (await told(two, "POST", f"{case}/appeal-decision", {"upheld": False}))[0] == 200
    assert world.count(AccountRestored) == 1
    assert not last(world, ReachChanged).limited
    login = await world.client.post("/api/v1/auth/login", json={"username": "ann", "password": PASSWORD})
    assert login.status_code == 200


async def test_who_is_suspended_for_a_tweet_is_told_why_and_appeals_without_knowing_the_case(world: World) -> None:
    ann, bob, mod = await world.register("Ann"), await world.register("Bob"), await moderator(world, "mod")
    tweet = await reported(ann, bob)
    case = f"/moderation/cases/{tweet}"
    await told(mod, "POST", f"{case}/claim")
    decision = {"action": "suspend", "days": 3, "reason": "as the rules say"}
    status, answer = await told(mod, "POST", f"{case}/decision", decision)
    assert status == 200
    login = {"username": "ann", "password": PASSWORD}
    refused = (await world.client.post("/api/v1/auth/login", json=login)).json()
    until = answer["until"][:16].replace("T", " ")
    assert refused["code"] == "account_suspended"
    assert refused["detail"] == f"The account is suspended until {until} UTC. Why: as the rules say"
    wrong = await world.client.post("/api/v1/auth/login", json={**login, "password": "wrong horse"})
    assert "rules" not in wrong.text
    filed = await world.client.post("/api/v1/moderation/appeals", json={"text": "no", **login})
    assert (filed.status_code, filed.json()["case_id"]) == (201, tweet)


async def test_what_was_not_decided_against_one_is_no_appeal(world: World) -> None:
    ann, bob, mod = await world.register("Ann"), await world.register("Bob"), await moderator(world, "mod")
    tweet = await reported(ann, bob)
    body = {"text": "why", "case_id": tweet}
    assert await told(ann, "POST", "/moderation/appeals", body) == (404, "case_not_found")
    await told(mod, "POST", f"/moderation/cases/{tweet}/claim")
    await told(mod, "POST", f"/moderation/cases/{tweet}/decision", {"action": "dismiss"})
    assert await told(ann, "POST", "/moderation/appeals", body) == (409, "appeal_over")
    assert await told(bob, "POST", "/moderation/appeals", body) == (404, "case_not_found")


async def test_a_topic_is_denied(world: World) -> None:
    mod = await moderator(world, "mod")
    assert await told(mod, "POST", "/moderation/trends", {"topic": "#Tea"}) == (200, {"topic": "tea", "denied": True})
    assert last(world, TopicDenied).denied
    assert await told(mod, "POST", "/moderation/trends", {"topic": "two words"}) == (400, "reason_invalid")
