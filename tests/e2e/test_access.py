"""The access matrix: {owner, other, follower, blocked, suspended, anonymous, each scope} x every route and stream.

Driven from the route tables of both APIs and infra.auth.scopes, over real processes: a new route is in it from its
first day. Of queries that name somebody, OPEN_TO_ALL is open to all and the rest shut across a block; CHANGES says what
may be done to what is somebody's; of all other routes the law holds.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
import websockets

from infra.auth.scopes import ACCOUNT, CHANNELS, FIRST_PARTY, GRANTABLE, MODERATE, NEEDS, PUBLIC
from tests.e2e.cast import API, COMMANDS, PASSWORD, Person, Stage, routes
from tests.stream_clients import STREAM, Events, Socket
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.cast import Answer, Route
    from tests.e2e.conftest import Starting

SCOPES = (*GRANTABLE, ACCOUNT)
EMAIL = "owner.of.canaries@mail.example.org"
TWEET = "canarytweet of the owner #canarytag"
BIO = "canarybio of the owner"
_sessions = itertools.count(1 << 40)
BUSY_S = 3.0  # what a busy machine may take besides
OWN_SESSION = {("POST", f"{API}/auth/logout"), ("POST", f"{API}/auth/stream-tickets")}
NOBODYS = {("GET", f"{API}/push/vapid-key")}
"""Says the same to everybody."""


class Cast(NamedTuple):
    """Who is what to the owner."""

    stage: Stage
    owner: Person
    follower: Person
    other: Person
    blocked: Person
    blocker: Person
    suspended: Person
    tweet_id: str

    @property
    def ids(self) -> dict[str, str]:
        return {"tweet_id": self.tweet_id, "user_id": self.owner.user_id, "name": self.owner.username}

    def who(self, name: str) -> Person | None:
        return None if name == "anonymous" else getattr(self, name)


@pytest.fixture(scope="module")
def cast(starting: Starting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with starting(tmp_path_factory.mktemp("access") / "data") as system:
        stage = Stage(system)
        owner = stage.register(email=EMAIL)
        follower, other, blocked, blocker, suspended = (stage.register() for _ in range(5))
        stage.done(owner, "PATCH", "/users/me", bio=BIO)
        tweet_id = str(stage.done(owner, "POST", "/tweets", content=TWEET)["tweet_id"])
        for person in (follower, blocked, suspended):
            stage.done(person, "POST", f"/users/{owner.user_id}/follow")
        stage.done(owner, "POST", f"/users/{follower.user_id}/follow")
        stage.done(owner, "POST", f"/tweets/{tweet_id}/bookmark")
        stage.done(other, "POST", "/tweets", content=f"@{owner.username} of the other #canarytag")
        stage.done(blocker, "POST", f"/users/{owner.user_id}/block")
        stage.done(owner, "POST", f"/users/{blocked.user_id}/block")
        system.wait_until_caught_up()
        stage.operator("suspend", suspended.username)
        yield Cast(stage, owner, follower, other, blocked, blocker, suspended, tweet_id)
        stage.close()


def code_of(answer: Answer) -> str:
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    return str(answer.json()["code"]) if is_problem else ""


def test_every_route_says_what_it_needs(cast: Cast) -> None:
    missing = [route for route in routes(cast.stage.system) if route not in NEEDS]
    assert [f"{route} is not in infra.auth.scopes: say there what a token needs for it" for route in missing] == []


# Anonymous, and tokens that are good no more


def test_nobody_gets_what_needs_somebody(cast: Cast) -> None:
    for route in routes(cast.stage.system):
        answer = cast.stage.ask(route, None, cast.ids)
        need = NEEDS[route]
        if need.signed_in and route[1] != STREAM:
            assert (answer.status_code, code_of(answer)) == (401, "token_missing"), route
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), route
        else:
            assert code_of(answer) != "token_missing" or route[1] == STREAM, route


def test_a_session_that_has_ended_gets_nothing(cast: Cast) -> None:
    gone = cast.stage.register()
    cast.stage.done(gone, "POST", "/auth/logout")
    until(lambda: cast.stage.ask(("GET", f"{API}/timeline/home"), gone.token, cast.ids).status_code == 401)
    for route in routes(cast.stage.system):
        if NEEDS[route] != PUBLIC:
            answer = cast.stage.ask(route, gone.token, cast.ids)
            assert (answer.status_code, code_of(answer)) == (401, "session_revoked"), route


def test_a_suspended_account_gets_nothing(cast: Cast) -> None:
    """Neither by the session it had, nor by one that nobody has ended, nor by logging in, nor by what it kept."""
    stage, suspended = cast.stage, cast.suspended
    until(lambda: stage.ask(("GET", f"{API}/users/me"), suspended.token).status_code == 401)
    for route in routes(stage.system):
        if NEEDS[route] != PUBLIC:
            assert stage.ask(route, suspended.token, cast.ids).status_code == 401, route
            kept = stage.token_with(suspended, FIRST_PARTY | {MODERATE}, session_id=next(_sessions))
            answer = stage.ask(route, kept, cast.ids)
            if NEEDS[route].scope == ACCOUNT or route in OWN_SESSION:
                continue  # to end its sessions, to take its data along: that is nobody's but its own
            assert answer.status_code in {400, 403, 404, 501}, (route, answer.text)
            assert answer.status_code in {403, 501} or route[0] != "GET" or route in NOBODYS, (route, answer.text)
    for path, body in (
        ("login", {"username": suspended.username, "password": PASSWORD}),
        ("refresh", {"refresh_token": suspended.refresh_token}),
    ):
        answer = stage.ask(("POST", f"{API}/auth/{path}"), None, json=body)
        assert answer.status_code in {401, 403}, answer.text


# Scopes


@pytest.mark.parametrize("scope", [*SCOPES, "none"])
def test_a_token_goes_as_far_as_its_scope(cast: Cast, scope: str) -> None:
    stage = cast.stage
    for route in routes(stage.system):
        need = NEEDS[route]
        if need == PUBLIC or route[1] == STREAM:
            continue
        is_enough = need.scope in {None, scope}
        person = stage.register() if is_enough and need.signed_in else cast.other  # whatever it does, it is its own
        answer = stage.ask(route, stage.token_with(person, {scope} - {"none"}), cast.ids)
        if is_enough and need.scope != MODERATE:
            assert answer.status_code != 401, (route, answer.text)
            assert code_of(answer) != "insufficient_scope", (route, answer.text)
        elif is_enough:  # no scope makes a moderator of somebody whose role it is not
            assert not answer.is_success, (route, answer.text)
            assert answer.status_code == 403 or route[0] != "GET", (route, answer.text)
        else:
            assert answer.status_code == 403, (route, answer.text)
            assert f'scope="{need.scope}"' in answer.headers["WWW-Authenticate"], route


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_stream_is_open_to_the_scope_of_its_channel_alone(cast: Cast, kind: str) -> None:
    stage = cast.stage
    for scope in SCOPES:
        token = stage.token_with(cast.other, {scope})
        ticket = stage.ask(("POST", f"{API}/auth/stream-tickets"), token)
        ways: list[tuple[dict[str, str], dict[str, str]]] = [({"Authorization": f"Bearer {token}"}, {})]
        if ticket.is_success:
            ways.append(({}, {"ticket": ticket.json()["ticket"]}))
        for headers, query in ways:
            url = f"{stage.system.query}{STREAM}"
            with stage.client.stream("GET", url, headers=headers, params={"streams": kind, **query}) as answer:
                assert answer.status_code == (200 if scope == CHANNELS[kind] else 403), (kind, scope, query)


# What is somebody's

WATCHERS = ("owner", "follower", "other", "blocked", "blocker", "anonymous")
SHUT_OUT = {"blocked", "blocker"}
OPEN_TO_ALL = {
    ("GET", f"{API}/users/{{user_id}}"),
    ("GET", f"{API}/users/by-username/{{name}}"),
    ("GET", f"{API}/trends/topics/{{name}}"),
}
"""A profile says that there is a block; a topic is nobody's."""
CHANGES = {
    "POST {tweet_id}/like": {"owner": 200, "follower": 200, "other": 200, "blocked": 403, "blocker": 200},
    "POST {tweet_id}/retweet": {"owner": 200, "follower": 200, "other": 200, "blocked": 403, "blocker": 200},
    "POST {tweet_id}/bookmark": {"owner": 200, "follower": 200, "other": 200, "blocked": 403, "blocker": 200},
    "POST {tweet_id}/reply": {"owner": 201, "follower": 201, "other": 201, "blocked": 403, "blocker": 201},
    "POST {user_id}/follow": {"owner": 400, "follower": 200, "other": 200, "blocked": 403, "blocker": 403},
    "DELETE {tweet_id}": {"follower": 403, "other": 403, "blocked": 403, "blocker": 403, "owner": 200},
}
"""What may be done to the owner's tweet and account, in this order. A block bars the blocked, not who blocks."""


def test_what_names_somebody_is_open_to_whom_it_should(cast: Cast) -> None:
    found = {}
    for route in routes(cast.stage.system):
        if route[0] == "GET" and {"{tweet_id}", "{user_id}", "{name}"} & set(route[1].split("/")):
            told = {name: seen(cast, name, route).status_code for name in WATCHERS}
            assert set(told.values()) <= {200, 403, 404}, (route, told)
            found[route] = {name for name in WATCHERS if told[name] in {403, 404}}
    assert {route: shut for route, shut in found.items() if shut != (set() if route in OPEN_TO_ALL else SHUT_OUT)} == {}
    assert len(found) >= 10


def seen(cast: Cast, name: str, route: Route) -> Answer:
    person = cast.who(name)
    return cast.stage.ask(route, None if person is None else person.token, cast.ids)


def test_nobody_but_the_owner_reads_what_is_the_owners(cast: Cast) -> None:
    """Its address and sessions stand in nobody else's answer; its tweets in none of who is shut out."""
    for route in routes(cast.stage.system):
        if route[0] != "GET" or route[1] == STREAM:
            continue
        for name in WATCHERS:
            text = searched(cast, name, route)
            if name != "owner":
                assert EMAIL not in text, (name, route)
                assert str(cast.owner.session_id) not in text, (name, route)
            if name in SHUT_OUT:
                assert "canarytweet" not in text, (name, route)


def searched(cast: Cast, name: str, route: Route) -> str:
    person = cast.who(name)
    token = None if person is None else person.token
    return "".join(
        cast.stage.ask(route, token, cast.ids, params=params).text
        for params in ({}, {"q": "canarytweet"}, {"q": cast.owner.username}, {"topic": "canarytag"})
    )


def test_lists_that_are_ones_own_are_of_whoever_asks(cast: Cast) -> None:
    mine = cast.stage.ask(("GET", f"{API}/bookmarks"), cast.owner.token).json()
    assert [tweet["tweet_id"] for tweet in mine["tweets"]] == [cast.tweet_id]
    for name in ("follower", "other", "blocked", "blocker"):
        assert seen(cast, name, ("GET", f"{API}/bookmarks")).json()["tweets"] == [], name
        about = seen(cast, name, ("GET", f"{API}/notifications")).json()
        assert cast.other.username not in str(about), name  # who mentioned the owner, and nobody else
    assert cast.other.username in str(seen(cast, "owner", ("GET", f"{API}/notifications")).json())


def test_nobody_acts_for_somebody_else(cast: Cast) -> None:
    """A body or a query that names another account is refused, whatever the route does."""
    for route in sorted(COMMANDS):
        need = NEEDS[route]
        if need.scope in {None, MODERATE} or route[0] == "GET":
            continue
        person = cast.stage.register()
        for sent in ({"json": {"user_id": cast.owner.user_id}}, {"params": {"user_id": cast.owner.user_id}}):
            answer = cast.stage.ask(route, cast.stage.token_with(person, {need.scope}), cast.ids, **sent)
            assert not answer.is_success, (route, sent, answer.text)


def test_what_is_done_to_somebody_is_allowed_to_whom_it_should_be(cast: Cast) -> None:
    for named, expected in CHANGES.items():
        method, _, tail = named.partition(" ")
        noun = "tweets" if "tweet_id" in tail else "users"
        for name, status in expected.items():
            person = cast.who(name)
            assert person is not None
            body = {"content": "a reply"} if tail.endswith("reply") else None
            answer = cast.stage.ask((method, f"{API}/{noun}/{tail}"), person.token, cast.ids, json=body)
            assert answer.status_code == status, (named, name, answer.text)


# Streams end


def end_one(cast: Cast, person: Person) -> None:
    elsewhere = cast.stage.log_in(person)
    known = cast.stage.ask(("GET", f"{API}/users/me/sessions"), elsewhere).json()["sessions"]
    other = next(it["session_id"] for it in known if not it["current"])
    headers = {"Authorization": f"Bearer {elsewhere}"}
    url = f"{cast.stage.system.commands}{API}/users/me/sessions/{other}"
    assert cast.stage.client.delete(url, headers=headers).is_success


def set_password(cast: Cast, person: Person) -> None:
    """From another session, which goes on."""
    headers = {"Authorization": f"Bearer {cast.stage.log_in(person)}"}
    body = {"current": PASSWORD, "new": "another long one"}
    url = f"{cast.stage.system.commands}{API}/auth/password"
    assert cast.stage.client.post(url, json=body, headers=headers).is_success


def leave(cast: Cast, person: Person) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    url = f"{cast.stage.system.commands}{API}/users/me"
    assert cast.stage.client.request("DELETE", url, json={"password": PASSWORD}, headers=headers).is_success


def decide(cast: Cast, person: Person) -> None:
    """A moderator, whom the operator has just made one, suspends the account for a report."""
    moderator = cast.stage.register()
    cast.stage.operator("promote", moderator.username)
    moderator = moderator._replace(token=cast.stage.log_in(moderator))
    cast.stage.done(cast.other, "POST", "/reports", account_id=person.user_id, reason="spam")
    case = f"/moderation/cases/{person.user_id}"
    cast.stage.done(moderator, "POST", f"{case}/claim")
    cast.stage.done(moderator, "POST", f"{case}/decision", action="suspend", reason="It is nothing but spam.")


ENDS: dict[str, Callable[[Cast, Person], object]] = {
    "log out": lambda cast, person: cast.stage.done(person, "POST", "/auth/logout"),
    "all sessions": lambda cast, person: cast.stage.done(person, "DELETE", "/users/me/sessions"),
    "one session": end_one,
    "a new password": set_password,
    "leaving": leave,
    "a suspension by a moderator": decide,
    "a suspension by the operator": lambda cast, person: cast.stage.operator("suspend", person.username),
    "a new password by the operator": lambda cast, person: cast.stage.operator("reset-password", person.username),
}
"""What ends all that an account has open."""


@pytest.mark.parametrize("way", ENDS)
async def test_open_streams_end_within_a_second_and_tell_nothing_more(cast: Cast, way: str) -> None:
    person = cast.stage.register()
    cast.stage.done(person, "POST", f"/users/{cast.other.user_id}/follow")
    headers = {"Authorization": f"Bearer {person.token}"}
    url = f"{cast.stage.system.query}{STREAM}"
    async with (
        httpx.AsyncClient(timeout=60, headers=headers) as client,
        client.stream("GET", url, params={"streams": "home,notifications,trends"}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        events = Events(answer)
        assert (await events.next()).event == "ready"
        where = f"{url.replace('http', 'ws', 1)}?streams=home,notifications"
        async with websockets.connect(where, additional_headers=headers, compression=None) as connection:
            socket = Socket(connection)
            assert (await socket.next("ready")).event == "ready"
            await asyncio.to_thread(ENDS[way], cast, person)
            ended = time.monotonic()
            heard = await events.ended()
            await socket.closed()
            assert time.monotonic() - ended < 1 + BUSY_S
        assert {it.event for it in heard} <= {"closing", "heartbeat", "trends"}
    after = cast.stage.ask(("GET", STREAM), person.token)
    assert after.status_code in {401, 403}
