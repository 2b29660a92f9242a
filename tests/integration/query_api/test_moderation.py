"""What moderators decide about tweets and reach, as others see it; and what moderators read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from infra.auth.keys import KeyRing
from infra.auth.scopes import of_role
from infra.auth.tokens import AccessTokens
from infra.clock import SystemClock
from schemas.accounts.events import ReachChanged, RoleChanged
from schemas.envelope import Envelope
from schemas.ids import first_id_at, to_uuid
from schemas.moderation.events import Appealed, CaseClaimed, CaseDecided, TopicDenied
from tests import builders
from tests.builders import EPOCH_MS
from tests.query_world import SESSION, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.query_world import Backing

ME, ANN, BOB, EVE, MOD = (uid(n) for n in range(5))
HOUR_MS = 3_600_000


@pytest.fixture
async def world(tmp_path: Path, searched: Backing) -> AsyncIterator[World]:
    """ME follows BOB, who has passed on what ANN said (1), quoted it and answered it; EVE follows ANN."""
    async with World(tmp_path, backing=searched) as made:
        ann = (tweet_id(1), ANN)
        names = ((ME, "me"), (ANN, "ann"), (BOB, "bob"), (EVE, "eve"), (MOD, "mod"))
        await made.given(
            *(builders.registered(user, name) for user, name in names),
            RoleChanged(builders.envelope(), MOD, "moderator"),
            builders.signed_in(ME),
            builders.followed(ME, BOB),
            builders.followed(EVE, ANN),
            builders.posted(ANN, tweet_id(1), "tea for two"),
            builders.retweeted(BOB, tweet_id(2), ann),
            builders.posted(BOB, tweet_id(3), "tea indeed", quoted=ann),
            builders.posted(ANN, tweet_id(4), "more tea", reply_to=(tweet_id(3), BOB)),
        )
        yield made


def at(hours: int, actor: int = MOD) -> Envelope:
    at_ms = EPOCH_MS + hours * HOUR_MS
    return Envelope(first_id_at(at_ms), at_ms, actor)


async def found(world: World, viewer: int) -> list[str]:
    return ids((await world.get("/search/tweets", viewer, q="tea"))["tweets"])


async def test_a_hidden_tweet_shows_to_its_author_alone_with_a_notice(world: World) -> None:
    await world.given(builders.moderated(ANN, tweet_id(1), hidden=True))
    home = (await world.get("/timeline/home", ME))["tweets"]
    assert ids(home) == uuids(3)
    assert home[0]["quoted_tweet"] is None
    assert await found(world, EVE) == uuids(4, 3)
    one = f"/tweets/{uuids(1)[0]}"
    assert await world.refused(one, EVE) == (404, "tweet_not_found")
    assert await world.refused(f"{one}/likes") == (404, "tweet_not_found")
    assert ids((await world.get(f"/timeline/user/{to_uuid(ANN)}", EVE))["tweets"]) == uuids(4)
    mine = await world.get(one, ANN)
    assert mine["moderation"] == {"hidden": True, "label": None}
    assert ids((await world.get(f"/timeline/user/{to_uuid(ANN)}", ANN))["tweets"]) == uuids(4, 1)
    await world.given(builders.moderated(ANN, tweet_id(1)))
    assert "moderation" not in await world.get(one, EVE)
    assert ids((await world.get("/timeline/home", ME))["tweets"]) == uuids(3, 2)


async def test_a_label_shows_wherever_the_tweet_does(world: World) -> None:
    await world.get("/timeline/home", ME)
    await world.given(builders.moderated(ANN, tweet_id(1), label="satire"))
    home = (await world.get("/timeline/home", ME))["tweets"]
    labelled = {"hidden": False, "label": "satire"}
    assert home[0]["quoted_tweet"]["moderation"] == labelled
    assert home[1]["retweeted_tweet"]["moderation"] == labelled
    assert (await world.get(f"/tweets/{uuids(1)[0]}"))["moderation"] == labelled


async def reach(world: World, viewer: int) -> dict[str, list[str]]:
    return {
        "home": ids((await world.get("/timeline/home", viewer))["tweets"]),
        "found": await found(world, viewer),
        "replies": ids((await world.get(f"/tweets/{uuids(3)[0]}/replies", viewer))["replies"]),
    }


async def test_a_limited_account_reaches_who_follows_it(world: World) -> None:
    await world.given(ReachChanged(builders.envelope(), ANN, limited=True))
    assert await reach(world, ME) == {"home": uuids(3), "found": uuids(3), "replies": []}
    assert (await reach(world, EVE))["found"] == uuids(4, 3, 1)
    assert (await reach(world, EVE))["replies"] == uuids(4)
    assert (await reach(world, ANN))["found"] == uuids(4, 3, 1)
    named = await world.get("/search/tweets", ME, q="tea from:ann")
    assert ids(named["tweets"]) == uuids(4, 1)
    assert (await world.get(f"/tweets/{uuids(1)[0]}", ME))["tweet_id"] == uuids(1)[0]
    await world.given(ReachChanged(builders.envelope(), ANN, limited=False))
    assert (await reach(world, ME))["home"] == uuids(3, 2)


async def test_a_limited_tweet_reaches_who_follows_its_author(world: World) -> None:
    await world.given(builders.moderated(ANN, tweet_id(4), limited=True))
    assert (await reach(world, ME))["replies"] == []
    assert (await reach(world, EVE))["replies"] == uuids(4)
    assert await found(world, ME) == uuids(3, 1)


def moderating(world: World, user_id: int = MOD, role: str = "moderator") -> str:
    keys = KeyRing(world.settings.keys_dir)
    return AccessTokens(keys, SystemClock(), 900).issue(user_id, SESSION, scopes=of_role(role))


async def read(world: World, path: str, user_id: int = MOD, **params: Any) -> Any:
    client = world.client(MOD)
    client.headers["Authorization"] = f"Bearer {moderating(world, user_id)}"
    answer = await client.get(path, params=params)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


async def cases(world: World) -> None:
    """Two reports of ANN's tweet, one of BOB; the first is held, then decided and appealed against."""
    await world.given(
        builders.reported(tweet_id(1), ANN, by=EVE, at_ms=EPOCH_MS + HOUR_MS),
        builders.reported(BOB, BOB, by=EVE, at_ms=EPOCH_MS + 2 * HOUR_MS, kind="account"),
        builders.reported(tweet_id(1), ANN, by=ME, at_ms=EPOCH_MS + 3 * HOUR_MS),
        CaseClaimed(at(4), tweet_id(1), MOD),
    )


async def test_the_queue_has_each_case_once_with_filters_and_pages(world: World) -> None:
    await cases(world)
    queue = await read(world, "/moderation/queue")
    assert [it["case_id"] for it in queue["cases"]] == [uuids(1)[0], to_uuid(BOB)]
    first = queue["cases"][0]
    assert (first["reports"], first["reasons"], first["held_by"]) == (2, {"spam": 2}, to_uuid(MOD))
    assert (first["account"]["username"], first["kind"], first["status"]) == ("ann", "tweet", "open")
    page = await read(world, "/moderation/queue", limit=1)
    assert page["has_more"]
    rest = await read(world, "/moderation/queue", limit=1, cursor=page["next_cursor"])
    assert ([it["case_id"] for it in rest["cases"]], rest["next_cursor"]) == ([to_uuid(BOB)], None)
    filters: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"held": "me"}, [uuids(1)[0]]),
        ({"held": "nobody"}, [to_uuid(BOB)]),
        ({"kind": "account"}, [to_uuid(BOB)]),
        ({"reason": "hate"}, []),
        ({"status": "decided"}, []),
    )
    for asked, expected in filters:
        assert [it["case_id"] for it in (await read(world, "/moderation/queue", **asked))["cases"]] == expected
    assert await read(world, "/moderation/queue", status="lost") == (400, "parameter_invalid")


async def test_a_case_tells_all_that_is_known(world: World) -> None:
    await cases(world)
    await world.given(
        CaseDecided(at(5), tweet_id(1), "tweet", ANN, MOD, "hide", reason="rude"),
        builders.moderated(ANN, tweet_id(1), hidden=True),
        builders.suspended(ANN),
        Appealed(at(6, ANN), tweet_id(1), "tweet", ANN, "a joke"),
    )
    case = await read(world, f"/moderation/cases/{uuids(1)[0]}")
    assert case["tweet"]["content"] == "tea for two"
    assert case["tweet"]["moderation"]["hidden"]
    assert case["account"]["status"] == "SUSPENDED"
    assert sorted((it["reporter"]["username"], it["comment"]) for it in case["filed"]) == [
        ("eve", "look"),
        ("me", "look"),
    ]
    assert [it["did"] for it in case["audit"]] == [
        "Appealed", "CaseDecided", "CaseClaimed", "ReportFiled", "ReportFiled"
    ]  # fmt: skip
    assert case["decision"]["action"] == "hide"
    assert case["appeal"] == {"text": "a joke", "at": case["appeal"]["at"], "upheld": None}
    assert case["status"] == "appealed"
    assert await read(world, f"/moderation/cases/{to_uuid(EVE)}") == (404, "case_not_found")
    assert await read(world, "/moderation/cases/x") == (404, "case_not_found")


async def test_the_audit_is_read_in_pages(world: World) -> None:
    await cases(world)
    whole = (await read(world, "/moderation/audit"))["audit"]
    assert [it["did"] for it in whole] == ["CaseClaimed", "ReportFiled", "ReportFiled", "ReportFiled"]
    page = await read(world, "/moderation/audit", limit=3)
    rest = await read(world, "/moderation/audit", limit=3, cursor=page["next_cursor"])
    assert page["audit"] + rest["audit"] == whole
    assert rest["next_cursor"] is None


async def test_only_who_moderates_now_reads_it(world: World) -> None:
    for path in ("/moderation/queue", "/moderation/audit", "/moderation/trends", f"/moderation/cases/{to_uuid(BOB)}"):
        assert await world.refused(path, ME) == (403, "insufficient_scope")
        assert await read(world, path, EVE) == (403, "not_a_moderator")


async def test_denied_topics_are_told_and_do_not_trend(world: World) -> None:
    await world.given(TopicDenied(at(1), 7, MOD, "tea", denied=True))
    assert await read(world, "/moderation/trends") == {"topics": ["tea"]}


async def test_a_spammer_is_quarantined_until_somebody_decides(world: World) -> None:
    now_ms = SystemClock().now_ms()
    spammer = first_id_at(now_ms - HOUR_MS)
    await world.given(builders.registered(spammer, "shop"), builders.followed(EVE, spammer))
    offers = [
        replace(
            builders.posted(spammer, first_id_at(now_ms) + n, "cheap tea for you", at_ms=now_ms - HOUR_MS + n * 1_000),
            urls=["http://tea.example/x"],
        )
        for n in range(20)
    ]
    await world.given(*offers)
    assert len(await found(world, EVE)) > len(await found(world, ME)) == 3
    profile = await world.get(f"/timeline/user/{to_uuid(spammer)}", ME)
    assert len(profile["tweets"]) == 20
    queue = (await read(world, "/moderation/queue"))["cases"]
    assert [(it["case_id"], it["kind"], it["reports"]) for it in queue] == [(to_uuid(spammer), "account", 0)]
    assert queue[0]["spam"]["score"] >= 0.4
    assert queue[0]["spam"]["parts"]["repeats"] == 1
    case = await read(world, f"/moderation/cases/{to_uuid(spammer)}")
    assert case["account"]["username"] == "shop"
    decided = Envelope(first_id_at(now_ms), now_ms, MOD)
    await world.given(CaseDecided(decided, spammer, "account", spammer, MOD, "dismiss"))
    world.services.quarantine.look_anew()
    assert len(await found(world, ME)) > 3
    assert (await read(world, "/moderation/queue"))["cases"] == []
