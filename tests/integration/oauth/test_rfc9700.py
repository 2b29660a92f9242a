"""RFC 9700, OAuth 2.0 security best current practice, point by point; docs/oauth.md names what has no test, and why.

Each test is named by the section that it holds.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from infra.auth.scopes import ACCOUNT
from tests.command_world import PASSWORD, command_world
from tests.oauth_world import (
    LOOPBACK_URI,
    OAUTH,
    PATIENT,
    REDIRECT_URI,
    SAME_ORIGIN,
    App,
    answered,
    error_of,
    pkce,
    register,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_world import User, World

REDEMPTIONS = 1_000


@pytest.fixture
async def ada(world: World) -> User:
    return await world.register("ada")


@pytest.fixture
async def app(ada: User) -> App:
    return await register(ada)


async def acts(user: User, token: str) -> bool:
    return (await user._replace(access_token=token).call("POST", "/tweets", {"content": "x"})).status_code == 201


async def metadata(world: World) -> Any:
    return (await world.client.get("/.well-known/oauth-authorization-server")).json()


@pytest.mark.parametrize(
    "uri",
    [f"{REDIRECT_URI}/", f"{REDIRECT_URI}?a=1", "https://app.example.evil.example/callback", "https://x@app.example/"],
)
async def test_2_1_redirect_uris_match_exactly_and_nobody_is_sent_to_another(app: App, ada: User, uri: str) -> None:
    for answer in (await app.ask(redirect_uri=uri), await app.decide(ada, redirect_uri=uri)):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert "href" not in answer.text.replace('href="/api/v1/oauth/style.css"', "")


async def test_2_1_only_the_port_of_a_loopback_address_may_differ(ada: User) -> None:
    native = await register(ada, uri=LOOPBACK_URI)
    location = (await native.decide(ada, redirect_uri="http://127.0.0.1:9/callback")).headers["Location"]
    assert location.startswith("http://127.0.0.1:9/callback?code=")
    assert (await native.ask(redirect_uri="http://127.0.0.1:9/other")).status_code == 400


async def test_2_1_1_without_a_challenge_there_is_no_code(app: App, ada: User) -> None:
    for changed in ({"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"}):
        assert (await app.ask(**changed)).status_code == 400
        assert (await app.decide(ada, **changed)).status_code == 400


async def test_2_1_1_the_code_is_bound_to_its_verifier(app: App, ada: User) -> None:
    code = await app.code(ada)
    for verifier in (pkce().verifier, app.pkce.challenge, app.pkce.verifier[:-1], ""):
        assert (await app.redeem(code, code_verifier=verifier)).status_code == 400
    assert (await app.redeem(code)).status_code == 200


async def test_2_1_1_the_metadata_says_that_s256_is_what_there_is(world: World) -> None:
    assert (await metadata(world))["code_challenge_methods_supported"] == ["S256"]


async def test_2_1_2_there_is_no_implicit_grant(world: World, app: App) -> None:
    for kind in ("token", "id_token token", "code token"):
        page = await app.ask(response_type=kind)
        assert page.status_code == 400
        assert "unsupported_response_type" in page.text
    assert (await metadata(world))["response_types_supported"] == ["code"]


async def test_2_2_2_refresh_tokens_rotate(app: App, ada: User) -> None:
    first = await app.tokens(ada)
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]


async def test_2_3_an_access_token_says_no_more_than_was_granted(world: World, app: App, ada: User) -> None:
    tokens = await app.tokens(ada, scope="read")
    who = world.services.verifier.verify(tokens["access_token"])
    assert (who.scopes, who.app_id > 0) == (frozenset({"read"}), True)
    assert not await acts(ada, tokens["access_token"])


async def test_2_4_passwords_are_no_grant(world: World, app: App, ada: User) -> None:
    answer = await app.token(grant_type="password", username=ada.username, password=PASSWORD)
    assert error_of(answer) == (400, "unsupported_grant_type")
    assert (await metadata(world))["grant_types_supported"] == ["authorization_code", "refresh_token"]


async def test_2_5_a_confidential_client_has_to_show_its_secret(ada: User, app: App) -> None:
    server = await register(ada, confidential=True)
    code, secret = await server.code(ada), server.secret
    for wrong in (None, "wrong", app.client_id):
        server.secret = wrong
        assert error_of(await server.redeem(code)) == (401, "invalid_client")
    server.secret = secret
    assert (await server.redeem(code)).status_code == 200
    app.secret = "a public client has none"
    assert error_of(await app.refresh("x")) == (401, "invalid_client")


async def test_2_5_a_secret_is_taken_by_the_basic_scheme_too_but_not_twice(ada: User) -> None:
    server = await register(ada, confidential=True)
    credentials = base64.b64encode(f"{server.client_id}:{server.secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    url, form = f"{OAUTH}/introspect", {"token": "x"}
    assert (await server.client.post(url, data=form, headers=headers)).json() == {"active": False}
    twice = await server.client.post(url, data={**form, **server.credentials}, headers=headers)
    assert error_of(twice) == (400, "invalid_request")
    for value in ("Basic !", "Basic ", f"Bearer {ada.access_token}", "Basic " + base64.b64encode(b"x").decode()):
        refused = await server.client.post(url, data=form, headers={"Authorization": value})
        assert error_of(refused) == (401, "invalid_client")
        assert refused.headers["WWW-Authenticate"] == "Basic"


async def test_2_6_the_metadata_is_published(world: World) -> None:
    assert {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} <= (await metadata(world)).keys()


async def test_2_6_an_app_has_no_say_in_its_client_id_nor_in_who_it_acts_for(world: World, ada: User) -> None:
    body = {"name": "x", "redirect_uris": [REDIRECT_URI], "client_id": ada.user_id}
    assert (await ada.call("POST", "/oauth/apps", body)).status_code == 400
    tokens = await (await register(ada)).tokens(ada)
    who = world.services.verifier.verify(tokens["access_token"])
    assert who.user_id == world.services.verifier.verify(ada.access_token).user_id


async def test_2_6_the_consent_page_is_not_shown_to_scripts_of_others(app: App) -> None:
    answer = await app.client.get(app.url(), headers={"Origin": "https://app.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_4_1_3_whoever_shows_a_code_shows_the_redirect_uri_that_it_was_asked_for_with(ada: User) -> None:
    native = await register(ada, uri=LOOPBACK_URI)
    code = await native.code(ada, redirect_uri="http://127.0.0.1:9/callback")
    assert error_of(await native.redeem(code)) == (400, "invalid_grant")
    assert (await native.redeem(code, redirect_uri="http://127.0.0.1:9/callback")).status_code == 200


async def test_4_2_4_neither_the_page_nor_the_way_back_tells_where_the_browser_came_from(app: App, ada: User) -> None:
    page = await app.ask()
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert re.findall(r'(?:href|src)="([^"]*)"', page.text) == [f"{OAUTH}/style.css"]  # nothing of others
    assert (await app.decide(ada)).headers["Referrer-Policy"] == "no-referrer"


async def test_4_2_4_a_code_is_good_once_and_its_second_use_ends_what_it_gave(app: App, ada: User) -> None:
    code = await app.code(ada)
    tokens = (await app.redeem(code)).json()
    assert await acts(ada, tokens["access_token"])
    assert error_of(await app.redeem(code)) == (400, "invalid_grant")
    assert not await acts(ada, tokens["access_token"])
    assert error_of(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_4_2_4_of_a_thousand_redemptions_of_one_code_one_succeeds(app: App, ada: User) -> None:
    code = await app.code(ada)
    answers = await asyncio.gather(*(app.redeem(code) for _ in range(REDEMPTIONS)))
    given = [it.json() for it in answers if it.status_code == 200]
    assert len(given) == 1
    assert {error_of(it) for it in answers if it.status_code != 200} == {(400, "invalid_grant")}
    assert not await acts(ada, given[0]["access_token"])


async def test_4_2_4_a_code_is_good_for_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    async with command_world(tmp_path, clock, **PATIENT) as world:
        ada = await world.register()
        app = await register(ada)
        late, soon = await app.code(ada), await app.code(ada)
        clock.ms += 59_000
        assert (await app.redeem(soon)).status_code == 200
        clock.ms += 1_001
        assert error_of(await app.redeem(late)) == (400, "invalid_grant")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms


async def test_4_3_2_no_token_is_taken_from_a_query_and_no_answer_is_kept(world: World, app: App, ada: User) -> None:
    answer = await world.client.post(f"/api/v1/tweets?access_token={ada.access_token}", json={"content": "x"})
    assert answer.json()["code"] == "token_missing"
    tokens = await app.redeem(await app.code(ada))
    assert tokens.headers["Cache-Control"] == "no-store"
    assert (await app.ask()).headers["Cache-Control"] == "no-store"
    by_query = await world.client.post(f"{OAUTH}/token?{urlencode({**app.credentials, 'grant_type': 'refresh_token'})}")
    assert by_query.status_code == 400


async def test_4_4_2_every_answer_says_who_gives_it_whatever_host_was_asked(world: World, app: App, ada: User) -> None:
    said = await metadata(world)
    assert said["authorization_response_iss_parameter_supported"] is True
    for decision in ("allow", "deny"):
        form = {"decision": decision, "username": ada.username, "password": PASSWORD}
        headers = {**SAME_ORIGIN, "Host": "evil.example"}
        answer = await app.client.post(app.url(), data=form, headers=headers)
        assert answered(answer.headers["Location"])["iss"] == said["issuer"]


async def test_4_5_3_a_code_of_one_app_or_browser_is_worth_nothing_to_another(app: App, ada: User) -> None:
    code = await app.code(ada)
    other = await register(ada, uri=REDIRECT_URI)
    assert error_of(await other.redeem(code, code_verifier=app.pkce.verifier)) == (400, "invalid_grant")
    own, app.pkce = app.pkce, pkce()
    assert error_of(await app.redeem(code)) == (400, "invalid_grant")  # injected into another's session of the app
    app.pkce = own
    assert (await app.redeem(code)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://test.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Origin": "http://test"},
    ],
)
async def test_4_7_1_no_other_site_can_press_allow(app: App, ada: User, headers: dict[str, str]) -> None:
    form = {"decision": "allow", "username": ada.username, "password": PASSWORD}
    answer = await app.client.post(app.url(), data=form, headers=headers)
    assert (answer.status_code, "Location" in answer.headers) == (403, False)


async def test_4_7_1_no_cookie_stands_for_an_owner_and_the_state_comes_back_as_it_was(app: App, ada: User) -> None:
    assert "Set-Cookie" not in (await app.ask()).headers
    answer = await app.decide(ada, state="&=#\u2603 +")
    assert "Set-Cookie" not in answer.headers
    assert answered(answer.headers["Location"])["state"] == "&=#\u2603 +"


async def test_4_8_2_no_token_without_a_verifier(app: App, ada: User) -> None:
    code = await app.code(ada)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri}
    assert error_of(await app.token(**form)) == (400, "invalid_request")


async def test_4_9_3_no_app_is_granted_the_account_itself(app: App) -> None:
    assert (await app.ask(scope=f"read {ACCOUNT}")).status_code == 400


async def test_4_10_3_an_access_token_lasts_minutes_and_ends_with_its_grant(app: App, ada: User) -> None:
    tokens = await app.tokens(ada)
    assert tokens["expires_in"] <= 15 * 60
    assert (await app.revoke(tokens["access_token"])).status_code == 200
    assert not await acts(ada, tokens["access_token"])
    assert error_of(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_4_11_2_nobody_is_sent_on_before_somebody_has_pressed_something(app: App) -> None:
    for changed in ({"response_type": "x"}, {"scope": "x"}, {"code_challenge": None}, {"request_uri": "https://x"}):
        page = await app.ask(**changed)
        assert page.status_code == 400
        assert "Location" not in page.headers
        assert "refresh" not in page.text
        assert f'href="{REDIRECT_URI}?error=' in page.text  # told to the app if the owner goes back by it


async def test_4_12_the_browser_comes_back_without_its_form(app: App, ada: User) -> None:
    for decision in ("allow", "deny"):
        assert (await app.decide(ada, decision)).status_code == 303


async def test_4_13_what_a_caller_says_about_itself_does_not_make_it_another(tmp_path: Path) -> None:
    async with command_world(tmp_path, rate_limits=True, rate_limit_auth_per_minute=2) as world:
        app = App(world.client, {"client_id": "x", "redirect_uris": [REDIRECT_URI]})
        told = []
        for number in range(3):
            headers = {**SAME_ORIGIN, "X-Forwarded-For": f"10.0.0.{number}"}
            told.append((await world.client.post(app.url(), data={"decision": "deny"}, headers=headers)).status_code)
        assert told == [400, 400, 429]


async def test_4_14_2_a_second_use_of_a_refresh_token_ends_the_whole_family(app: App, ada: User) -> None:
    first = await app.tokens(ada)
    second = (await app.refresh(first["refresh_token"])).json()
    third = (await app.refresh(second["refresh_token"])).json()
    assert error_of(await app.refresh(first["refresh_token"])) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert not await acts(ada, tokens["access_token"])
    assert error_of(await app.refresh(third["refresh_token"])) == (400, "invalid_grant")


async def test_4_14_2_a_refresh_token_is_bound_to_its_client_and_its_scopes(app: App, ada: User) -> None:
    tokens, other = await app.tokens(ada, scope="read"), await register(ada)
    assert error_of(await other.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert (await other.revoke(tokens["refresh_token"])).status_code == 200  # of another: nothing happens
    by_owner = {"refresh_token": tokens["refresh_token"]}
    assert (await app.client.post("/api/v1/auth/refresh", json=by_owner)).status_code == 401
    assert error_of(await app.refresh(ada.refresh_token)) == (400, "invalid_grant")
    assert error_of(await app.refresh(tokens["refresh_token"], scope="read write")) == (400, "invalid_scope")
    assert (await app.refresh(tokens["refresh_token"])).json()["scope"] == "read"


async def test_4_14_2_a_new_password_and_a_log_out_everywhere_end_all_grants(app: App, ada: User) -> None:
    tokens = await app.tokens(ada)
    new = {"current": PASSWORD, "new": "another horse"}
    assert (await ada.call("POST", "/auth/password", new)).json()["sessions"] == 1
    assert error_of(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    answer = await app.decide(ada, "allow", "another horse")
    tokens = (await app.redeem(answered(answer.headers["Location"])["code"])).json()
    assert (await ada.call("DELETE", "/users/me/sessions")).status_code == 200
    assert not await acts(ada, tokens["access_token"])
    assert error_of(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_4_15_1_an_app_never_acts_for_itself(app: App) -> None:
    assert error_of(await app.token(grant_type="client_credentials")) == (400, "unsupported_grant_type")


async def test_4_16_the_page_cannot_be_framed(app: App) -> None:
    for page in (await app.ask(), await app.ask(scope="x"), await app.ask(client_id="x")):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"


async def test_4_17_2_nothing_is_posted_between_windows(world: World, app: App) -> None:
    page = await app.ask()
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert (await metadata(world))["response_modes_supported"] == ["query"]
