"""An app acts for an account: registered, let in, refreshed, shut out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.accounts import sessions
from infra.journal.port import Commit
from infra.log.port import LogUnavailableError
from projections.accounts.read_model import MODERATOR, USER
from schemas.accounts.events import RoleChanged
from schemas.ids import from_uuid
from tests.builders import envelope
from tests.command_world import PASSWORD
from tests.oauth_world import LOOPBACK_URI, OAUTH, REDIRECT_URI, answered, error_of, register
from tests.waiting import soon

if TYPE_CHECKING:
    import pytest

    from tests.command_world import User, World


async def may_post(user: User, token: str) -> bool:
    return (await user._replace(access_token=token).call("POST", "/tweets", {"content": "x"})).status_code == 201


async def test_an_app_that_was_let_in_acts_as_far_as_it_was_granted(world: World) -> None:
    owner, ada = await world.register(), await world.register()
    app = await register(owner)
    page = await app.ask()
    assert page.status_code == 200
    assert "Starling" in page.text
    assert "app.example" in page.text
    assert f"@{owner.username}" in page.text
    location = (await app.decide(ada)).headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?code=")
    assert answered(location)["state"] == "a state & more"
    assert answered(location)["iss"] == "http://127.0.0.1:8000"
    tokens = (await app.redeem(answered(location)["code"])).json()
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("Bearer", "read write", 900)
    assert await may_post(ada, tokens["access_token"])
    acting = ada._replace(access_token=tokens["access_token"])
    for method, path in (("POST", f"/users/{owner.user_id}/follow"), ("POST", "/notifications/read")):
        assert (await acting.call(method, path)).json()["code"] == "insufficient_scope"


async def test_an_app_can_do_nothing_about_the_account_itself(world: World) -> None:
    ada = await world.register()
    app = await register(ada)
    tokens = await app.tokens(ada, scope="read write follow notifications")
    acting = ada._replace(access_token=tokens["access_token"])
    for method, path in (
        ("GET", "/users/me/sessions"),
        ("DELETE", "/users/me/sessions"),
        ("GET", "/users/me/apps"),
        ("POST", "/oauth/apps"),
        ("POST", "/auth/password"),
    ):
        assert (await acting.call(method, path)).json()["code"] == "insufficient_scope", path


async def test_a_refusal_is_told_to_the_app(world: World) -> None:
    ada = await world.register()
    app = await register(ada)
    answer = await app.decide(ada, "deny", password="")
    assert answer.status_code == 303
    assert answered(answer.headers["Location"]) == {
        "error": "access_denied",
        "state": "a state & more",
        "iss": "http://127.0.0.1:8000",
    }


async def test_a_wrong_password_asks_again_and_gives_nothing(world: World) -> None:
    ada = await world.register()
    app = await register(ada)
    for user, password in ((ada, "wrong"), (ada._replace(username="nobody"), "correct horse")):
        answer = await app.decide(user, password=password)
        assert answer.status_code == 401
        assert 'role="alert">The username or the password is wrong' in answer.text
        assert "Location" not in answer.headers


async def test_a_confidential_app_is_told_what_its_own_tokens_are_good_for(world: World) -> None:
    ada = await world.register()
    app, other = await register(ada, confidential=True), await register(ada, confidential=True)
    tokens = await app.tokens(ada)
    for token, kind in ((tokens["access_token"], "Bearer"), (tokens["refresh_token"], "refresh_token")):
        said = (await app.introspect(token)).json()
        assert (said["active"], said["scope"], said["token_type"]) == (True, "read write", kind)
        assert (said["client_id"], said["sub"]) == (app.client_id, ada.user_id)
        assert said["exp"] > world.services.clock.now_ms() // 1000
        assert (await other.introspect(token)).json() == {"active": False}
    for token in (ada.access_token, ada.refresh_token, "x", tokens["access_token"][:-4] + "AAAA"):
        assert (await app.introspect(token)).json() == {"active": False}
    await app.revoke(tokens["refresh_token"], token_type_hint="access_token")
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await app.introspect(token)).json() == {"active": False}
    assert error_of(await (await register(ada)).introspect("x")) == (401, "invalid_client")


async def test_a_refresh_that_the_log_cannot_note_uses_nothing_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await world.register()
    app = await register(ada)
    tokens = await app.tokens(ada)

    async def full(*_: object) -> None:
        raise LogUnavailableError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(sessions, "say_signed_in", full)
        assert (await app.refresh(tokens["refresh_token"])).json()["code"] == "log_unavailable"
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200


async def test_refreshing_gives_new_tokens_and_fewer_scopes_where_fewer_are_asked_for(world: World) -> None:
    ada = await world.register()
    app = await register(ada)
    first = await app.tokens(ada)
    second = (await app.refresh(first["refresh_token"], scope="read")).json()
    assert second["scope"] == "read"
    assert not await may_post(ada, second["access_token"])
    assert error_of(await app.refresh(second["refresh_token"], scope="follow")) == (400, "invalid_scope")
    third = (await app.refresh(second["refresh_token"])).json()
    assert third["scope"] == "read write"
    assert await may_post(ada, third["access_token"])


async def test_an_owner_sees_the_apps_let_in_and_shuts_one_out_at_once(world: World) -> None:
    ada = await world.register()
    one, other = await register(ada), await register(ada, name="Other", uri=LOOPBACK_URI)
    tokens = [await app.tokens(ada, scope=scope) for app, scope in ((one, "read"), (one, "write"), (other, "write"))]
    shown = (await ada.call("GET", "/users/me/apps")).json()["apps"]
    assert [(it["name"], it["scopes"]) for it in shown] == [("Starling", ["read", "write"]), ("Other", ["write"])]
    assert (await ada.call("DELETE", f"/users/me/apps/{one.client_id}")).json() == {"sessions": 2, "status": "ended"}
    assert not await may_post(ada, tokens[1]["access_token"])
    assert error_of(await one.refresh(tokens[1]["refresh_token"])) == (400, "invalid_grant")
    assert await may_post(ada, tokens[2]["access_token"])
    shown = (await ada.call("GET", "/users/me/apps")).json()["apps"]
    assert [it["name"] for it in shown] == ["Other"]
    assert (await ada.call("DELETE", f"/users/me/apps/{one.client_id}")).status_code == 404


async def test_an_app_that_is_removed_gets_no_tokens_any_more(world: World) -> None:
    ada, eve = await world.register(), await world.register()
    app = await register(ada, confidential=True)
    tokens, code = await app.tokens(eve), await app.code(eve)
    assert (await eve.call("DELETE", f"/oauth/apps/{app.client_id}")).status_code == 404
    assert [it["client_id"] for it in (await ada.call("GET", "/oauth/apps")).json()["apps"]] == [app.client_id]
    assert (await ada.call("DELETE", f"/oauth/apps/{app.client_id}")).json()["status"] == "removed"
    assert error_of(await app.refresh(tokens["refresh_token"])) == (401, "invalid_client")
    assert error_of(await app.redeem(code)) == (401, "invalid_client")
    assert (await app.ask()).status_code == 400
    assert (await eve.call("GET", "/users/me/apps")).json()["apps"][0]["name"] == ""


async def test_an_account_registers_only_so_many_apps(world: World) -> None:
    ada = await world.register()
    for number in range(20):
        await register(ada, name=f"App {number}")
    answer = await ada.call("POST", "/oauth/apps", {"name": "One more", "redirect_uris": [REDIRECT_URI]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_apps")


async def test_a_secret_is_shown_once_and_kept_as_its_hash(world: World) -> None:
    ada = await world.register()
    app = await register(ada, confidential=True)
    assert app.secret
    tokens, code = await app.tokens(ada), await app.code(ada)
    assert "client_secret" not in (await ada.call("GET", "/oauth/apps")).text
    folder = world.services.settings.credentials_path.parent
    kept = b"".join(path.read_bytes() for path in folder.glob("credentials.db*"))
    for secret in (app.secret, tokens["refresh_token"], tokens["access_token"], code, app.pkce.verifier):
        assert secret.encode() not in kept


async def test_the_metadata_names_every_endpoint(world: World) -> None:
    said = (await world.client.get("/.well-known/oauth-authorization-server")).json()
    assert said["issuer"] == "http://127.0.0.1:8000"
    assert said["authorization_endpoint"] == f"http://127.0.0.1:8000{OAUTH}/authorize"
    for name in ("token", "revocation", "introspection"):
        path = said[f"{name}_endpoint"].removeprefix(said["issuer"])
        assert (await world.client.post(path, data={"token": "x"})).status_code == 401


async def test_of_an_account_that_is_erased_no_app_is_left(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    apps = [await register(ada, confidential=True), await register(ada), await register(bob)]
    ada_id = from_uuid(ada.user_id)
    assert ada_id is not None
    await world.services.grants.remove_all(ada_id)
    assert [(await app.ask()).status_code for app in apps] == [400, 400, 200]
    assert (await ada.call("GET", "/oauth/apps")).json() == {"apps": []}


async def test_a_closed_account_is_not_opened_again_by_an_app(world: World) -> None:
    ada, bob = await world.register(), await world.register()
    app = await register(bob)
    tokens, code = await app.tokens(ada), await app.code(ada)
    assert (await ada.call("DELETE", "/users/me", {"password": PASSWORD})).status_code == 200
    assert error_of(await app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert error_of(await app.redeem(code)) == (400, "invalid_grant")
    answer = await app.decide(ada)
    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert 'role="alert">' in answer.text


async def test_a_moderator_grants_moderation_as_long_as_there_is_the_role(world: World) -> None:
    ada, mod = await world.register(), await world.register()
    app = await register(ada)
    assert (await app.tokens(ada, scope="read moderate"))["scope"] == "read"
    await set_role(world, mod, MODERATOR)
    tokens = await app.tokens(mod, scope="read moderate")
    assert tokens["scope"] == "moderate read"
    await set_role(world, mod, USER)
    assert (await app.refresh(tokens["refresh_token"])).json()["scope"] == "read"


async def set_role(world: World, user: User, role: str) -> None:
    user_id = from_uuid(user.user_id)
    assert user_id is not None
    event = RoleChanged(envelope(), user_id, role)
    await world.services.journal.commit(Commit((event,), (), (), 200, b"", None))
    await soon(lambda: world.services.views.accounts.many([user_id])[user_id].role == role)
