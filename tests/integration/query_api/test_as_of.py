"""What was, seen by the rules of now: timelines, profiles and trends as of a moment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from infra.clock import rfc3339
from query_api import moments, stores
from schemas.accounts.events import AccountDeactivated, AccountErased, AccountSuspended, ProfileEdited
from schemas.follows.events import Blocked, Muted, Unfollowed, Unmuted
from schemas.ids import to_uuid
from schemas.moderation.events import TopicDenied
from schemas.tweets.events import TweetDeleted, TweetModerated
from streams.projections import PROJECTIONS
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.moments import OF_ALL, OF_TWEETS, freeze, frozen, generations_of
from tests.query_world import Backing, Files, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from schemas.envelope import Event
    from schemas.tweets.events import TweetPosted

ME, ANN, BOB, EVE = (uid(n) for n in range(4))
MINUTE_MS = 60_000
THEN_MS = EPOCH_MS + 60 * MINUTE_MS
NOW_MS = EPOCH_MS + 600 * MINUTE_MS
LATER = envelope(THEN_MS + 1)
HOME, MINE = "/timeline/home", f"/timeline/user/{to_uuid(ANN)}"


class Now:
    """Ten hours after the first tweet."""

    def now_ms(self) -> int:
        return NOW_MS


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOOK_SECONDS", 0.0)


def said(author_id: int, n: int, *, after: bool = False, **facts: Any) -> TweetPosted:
    at_ms = EPOCH_MS + (n + 100 * after) * MINUTE_MS
    return builders.posted(author_id, tweet_id(n + 100 * after), f"tweet {n}", at_ms=at_ms, **facts)


@asynccontextmanager
async def populated(folder: Path, backing: Backing) -> AsyncIterator[World]:
    async with World(folder, clock=Now(), backing=backing) as made:
        names = {ME: "me", ANN: "ann", BOB: "bob", EVE: "eve"}
        await made.given(
            *(builders.registered(user, name) for user, name in names.items()),
            builders.signed_in(ME),
            *(builders.followed(ME, other) for other in (ANN, BOB)),
            said(ANN, 1),
            said(BOB, 2),
            said(EVE, 3),
            said(ANN, 4, quoted=(tweet_id(3), EVE)),
            builders.liked(ME, (tweet_id(1), ANN)),
        )
        try:
            yield made
        finally:
            forget(made)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with populated(tmp_path, Files()) as made:
        yield made


@pytest.fixture
async def on_each(tmp_path: Path, backing: Backing) -> AsyncIterator[World]:
    """On servers, too, where a generation takes seconds, for its tables have to be made."""
    async with populated(tmp_path, backing) as made:
        yield made


def forget(world: World) -> None:
    """Take the generations of moments off the record: worlds on servers share it."""
    changes = generations_of(world)
    for name in OF_ALL:
        for it in changes.of(name).generations:
            if it.number > 1:
                changes.drop(name, it.number)
                changes.forget(name, it.number)


async def look(world: World) -> None:
    """Let the query process hear of generations: on servers it polls, and what holds a token waits for a look."""
    if world.backing.behind:
        await world.given(builders.signed_in(EVE, THEN_MS + 2))
        await world.get(HOME, ME)


async def then(world: World, moment: str, path: str = HOME, viewer: int | None = ME, **params: Any) -> Any:
    return await world.get(path, viewer, as_of=moment, **params)


async def test_a_timeline_is_as_it_was(on_each: World) -> None:
    before = await on_each.get(HOME, ME)
    moment = frozen(on_each, THEN_MS, OF_TWEETS)
    await on_each.given(
        said(ANN, 5, after=True),
        Unfollowed(LATER, ME, BOB),
        builders.followed(ME, EVE, at_ms=THEN_MS + 1),
        builders.liked(BOB, (tweet_id(1), ANN)),
        ProfileEdited(LATER, ANN, display_name="Anna"),
    )
    await look(on_each)
    assert ids((await on_each.get(HOME, ME))["tweets"]) == uuids(105, 4, 3, 1)
    assert await then(on_each, moment) == before
    await on_each.given(Muted(LATER, ME, BOB))
    assert ids((await then(on_each, moment))["tweets"]) == uuids(4, 1)
    await on_each.given(Unmuted(LATER, ME, BOB))
    first = await then(on_each, moment, limit=1)
    assert (ids(first["tweets"]), first["has_more"]) == (uuids(4), True)
    assert ids((await then(on_each, moment, max_id=first["next_max_id"]))["tweets"]) == uuids(2, 1)
    assert ids((await then(on_each, moment, MINE, None))["tweets"]) == uuids(4, 1)
    tweet = await then(on_each, moment, f"/tweets/{uuids(1)[0]}")
    assert (tweet["likes_count"], tweet["liked"], tweet["user"]["display_name"]) == (1, True, "Ann")


async def test_a_ranked_timeline_is_ranked_by_the_time_that_it_is_of(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    page = await then(world, moment, ranking="top", explain=True)
    newest = next(it for it in page["tweets"] if it["tweet_id"] == uuids(4)[0])
    assert newest["score"]["recency"] == pytest.approx(2.718281828 ** (-(56 / 60) / 24), abs=1e-4)


async def test_a_profile_is_as_it_was(world: World) -> None:
    path = f"/users/{to_uuid(ANN)}"
    before = await world.get(path, ME)
    moment = frozen(world, THEN_MS, ("accounts", "tweets", "graph"))
    edited = ProfileEdited(LATER, ANN, display_name="Anna", bio="new")
    await world.given(edited, said(ANN, 5, after=True), Unfollowed(LATER, ME, ANN))
    await look(world)
    assert (await world.get(path, ME))["display_name"] == "Anna"
    assert await then(world, moment, path) == before
    assert await then(world, moment, "/users/by-username/ANN") == before
    assert await world.refused("/users/by-username/nobody", ME, as_of=moment) == (404, "user_not_found")


async def test_trends_are_as_they_were(world: World) -> None:
    people = [uid(n) for n in range(10, 30)]
    tagged = [msgspec.structs.replace(said(person, n), hashtags=["Eclipse"]) for n, person in enumerate(people, 10)]
    await world.given(*tagged)
    moment = frozen(world, THEN_MS, ("trends",))
    await look(world)
    assert (await world.get("/trends"))["trends"] == []
    found = await then(world, moment, "/trends", None)
    assert (found["as_of"], [it["name"] for it in found["trends"]]) == (moment, ["eclipse"])
    await world.given(TopicDenied(LATER, 1, EVE, "eclipse", denied=True))
    assert (await then(world, moment, "/trends", None))["trends"] == []


HIDING: dict[str, tuple[list[Event], list[int]]] = {
    "a tweet that was deleted since": ([TweetDeleted(LATER, tweet_id(1), ANN)], [4, 2]),
    "a tweet that moderators have hidden since": ([TweetModerated(LATER, tweet_id(1), ANN, hidden=True)], [4, 2]),
    "an account that was closed since": ([AccountDeactivated(LATER, BOB, NOW_MS * 2)], [4, 1]),
    "an account that was erased since": ([AccountErased(LATER, BOB)], [4, 1]),
    "an account that was suspended since": ([AccountSuspended(LATER, BOB, 0)], [4, 1]),
    "an account that the viewer blocked since": ([Blocked(LATER, ME, BOB)], [4, 1]),
    "an account that blocked the viewer since": ([Blocked(LATER, BOB, ME)], [4, 1]),
    "an account that the viewer muted since": ([Muted(LATER, ME, BOB)], [4, 1]),
}


@pytest.mark.parametrize("hidden", HIDING)
async def test_what_is_hidden_now_is_hidden_then(world: World, hidden: str) -> None:
    events, left = HIDING[hidden]
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    assert ids((await then(world, moment))["tweets"]) == uuids(4, 2, 1)
    await world.given(*events)
    assert ids((await then(world, moment))["tweets"]) == uuids(*left)


async def test_what_is_quoted_of_somebody_hidden_now_is_not_shown(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    assert (await then(world, moment))["tweets"][0]["quoted_tweet"]["content"] == "tweet 3"
    await world.given(TweetDeleted(LATER, tweet_id(3), EVE))
    assert (await then(world, moment))["tweets"][0]["quoted_tweet"] is None


async def test_what_was_hidden_then_stays_hidden(world: World) -> None:
    await world.given(Muted(envelope(THEN_MS), ME, BOB))
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await world.given(Unmuted(LATER, ME, BOB))
    await look(world)
    assert ids((await then(world, moment))["tweets"]) == uuids(4, 1)


async def test_an_account_that_is_not_shown_now_has_no_past(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await world.given(AccountSuspended(LATER, ANN, 0))
    await look(world)
    for path in (f"/users/{to_uuid(ANN)}", "/users/by-username/ann", MINE):
        assert await world.refused(path, ME, as_of=moment) == (404, "user_not_found")
    assert await world.refused(f"/tweets/{uuids(1)[0]}", ME, as_of=moment) == (404, "tweet_not_found")


async def test_who_is_blocked_now_may_not_read_the_past_either(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await world.given(Blocked(LATER, ANN, ME))
    await look(world)
    assert await world.refused(MINE, ME, as_of=moment) == (403, "blocked")
    assert await world.refused(f"/tweets/{uuids(1)[0]}", ME, as_of=moment) == (403, "blocked")


async def asked(world: World, as_of: str, path: str = HOME) -> httpx.Response:
    return await world.client(ME).get(path, params={"as_of": as_of})


async def test_a_moment_that_was_not_built_names_what_would_build_it(world: World) -> None:
    frozen(world, THEN_MS, ("accounts", "graph"))
    frozen(world, THEN_MS - 1, ("tweets",))
    await look(world)
    answer = await asked(world, rfc3339(THEN_MS))
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_moment")
    assert answer.json()["detail"].endswith(f"murmur replay tweets engagement --until {rfc3339(THEN_MS)}")
    everything = (await asked(world, rfc3339(THEN_MS), "/trends")).json()["detail"]
    assert everything.endswith(f"murmur replay trends --until {rfc3339(THEN_MS)}")


@pytest.mark.parametrize(
    "as_of",
    ["", "now", "2026-11-23", "2026-11-23T12:00:00", "2023-13-14T22:13:20Z", "1969-12-31T23:59:59Z",
     "2023-11-14T22:13:20 01:00", rfc3339(NOW_MS + 1)],
)  # fmt: skip
async def test_what_is_no_time_or_has_not_come_is_refused(world: World, as_of: str) -> None:
    answer = await asked(world, as_of)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "parameter_invalid", "as_of")


async def test_a_time_may_be_written_in_any_zone_and_the_answer_says_which_it_is(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    answer = await asked(world, "2023-11-15T00:13:20.0009+01:00")
    assert (answer.status_code, answer.headers["X-As-Of"], moment) == (200, moment, "2023-11-14T23:13:20.000Z")
    assert "X-As-Of" not in (await world.client(ME).get(HOME)).headers


async def test_a_token_is_waited_for_by_the_rules_of_now(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    token = await world.publish(TweetDeleted(LATER, tweet_id(1), ANN))
    answer = await world.client(ME).get(
        HOME, params={"as_of": moment, "wait_ms": 0}, headers={"X-Consistency-Token": token}
    )
    assert (answer.status_code, answer.headers["X-Stale"]) == (200, "true")
    world.project()
    answer = await world.client(ME).get(HOME, params={"as_of": moment}, headers={"X-Consistency-Token": token})
    assert ids(answer.json()["tweets"]) == uuids(4, 2)


async def test_the_past_is_not_kept_among_what_is_read_today(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    world.services.stores.kept_tweets.clear()
    world.services.stores.kept_authors.clear()
    await then(world, moment)
    assert len(world.services.stores.kept_tweets) + len(world.services.stores.kept_authors) == 0


async def test_a_moment_that_is_dropped_is_let_go_of(world: World) -> None:
    moment = frozen(world, THEN_MS, OF_TWEETS)
    await look(world)
    await then(world, moment)
    changes = generations_of(world)
    changes.drop("tweets", changes.of("tweets").last)
    await look(world)
    answer = await asked(world, moment)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_moment")
    assert len(world.services.moments) == len(OF_TWEETS) - 1


def open_files(folder: Path) -> list[str]:
    links = list(Path("/proc/self/fd").iterdir())
    found = [str(link.readlink()) for link in links if link.is_symlink()]
    return [it for it in found if it.startswith(str(folder)) and ".db" in it and "/g1.db" not in it]


async def test_few_are_open_at_a_time_and_closed_when_they_are_let_go_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "MOST_OPEN", 4)
    for n in range(3):
        moment = frozen(world, THEN_MS + n, OF_TWEETS)
        assert ids((await then(world, moment))["tweets"]) == uuids(4, 2, 1)
    assert len(world.services.moments) == 4
    opened = open_files(world.settings.projections_dir)
    assert {Path(it).name.partition("-")[0] for it in opened} == {"g4.db"}
    world.services.moments.close()
    assert open_files(world.settings.projections_dir) == []


async def test_a_file_that_is_damaged_is_no_error_of_ours_and_leaves_the_living_alone(world: World) -> None:
    number = freeze(world, next(it for it in PROJECTIONS if it.name == "tweets"), THEN_MS)
    moment = frozen(world, THEN_MS, ("accounts", "graph", "engagement"))
    file = world.settings.projections_dir / "tweets" / f"g{number}.db"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    await world.get(HOME, ME)
    assembled = world.services.stores.assembled
    answer = await asked(world, moment)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert ids((await world.get(HOME, ME))["tweets"]) == uuids(4, 2, 1)
    assert world.services.stores.assembled == assembled
