"""What may be registered, and which redirect URI is one of an app's."""

from __future__ import annotations

import pytest

from commands.errors import CommandRefusedError
from commands.oauth import handler
from commands.oauth.command import Register
from commands.oauth.errors import OAuthProblem
from commands.oauth.forms import MAX_FIELDS, fields_of
from commands.oauth.handler import AuthorizationError, is_redirect_uri, is_registered

URI = "https://app.example/cb"
ASKED = {
    "response_type": "code",
    "client_id": "x",
    "redirect_uri": URI,
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def refused(name: str = "Starling", uris: tuple[str, ...] = (URI,)) -> str | None:
    try:
        handler.check_register(Register(1, name, uris, confidential=False))
    except CommandRefusedError as error:
        return error.param
    return None


@pytest.mark.parametrize("name", ["Starling", "Étourneau", "椋鳥 2.0", "A" * 50])
def test_an_app_has_any_name_that_can_be_seen(name: str) -> None:
    assert refused(name) is None


@pytest.mark.parametrize(
    "name", ["", " ", " Starling", "A" * 51, "a\nb", "a\u202eb", "a\u200bb", "a\u2066b", "a\u00adb", "\ud800", "a\x7f"]
)
def test_a_name_that_is_empty_long_or_hides_something_is_refused(name: str) -> None:
    assert refused(name) == "name"


@pytest.mark.parametrize(
    "uri",
    [
        URI,
        "https://app.example",
        "https://app.example:8443/cb?x=%20y",
        "https://[2001:db8::1]/cb",
        "http://127.0.0.1:4711/cb",
        "http://[::1]/cb",
        "http://localhost/cb",
    ],
)
def test_browsers_are_sent_by_https_or_to_their_own_machine(uri: str) -> None:
    assert is_redirect_uri(uri)
    assert refused(uris=(uri,)) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "https://user:password@app.example/cb",
        "https://app.example/cb#fragment",
        "https://app.example/cb#",
        "https:///cb",
        "https://app.example/c b",
        "https://app.example/\ncb",
        "https://app.example\\@evil.example/cb",
        "https://äpp.example/cb",
        "https://*.example/cb",
        "https://app.example:99999/cb",
        "https://[::1/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "custom.scheme:/cb",
        "//app.example/cb",
        "/cb",
        "https://app.example/" + "a" * 500,
    ],
)
def test_no_browser_is_sent_anywhere_else(uri: str) -> None:
    assert not is_redirect_uri(uri)
    assert refused(uris=(uri,)) == "redirect_uris"


def test_an_app_has_one_to_ten_redirect_uris_each_once() -> None:
    assert refused(uris=()) == "redirect_uris"
    assert refused(uris=(URI, URI)) == "redirect_uris"
    assert refused(uris=tuple(f"{URI}/{number}" for number in range(10))) is None
    assert refused(uris=tuple(f"{URI}/{number}" for number in range(11))) == "redirect_uris"


@pytest.mark.parametrize(
    ("known", "sent", "same"),
    [
        (URI, URI, True),
        (URI, URI + "/", False),
        (URI, URI + "?x=1", False),
        (URI, URI.upper(), False),
        (URI, "https://app.example:443/cb", False),
        (URI, "https://app.example/./cb", False),
        (URI, "https://app.example/%63b", False),
        (URI, "", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", True),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", True),
        ("http://[::1]/cb", "http://[::1]:4711/cb", True),
        ("http://127.0.0.1/cb", "http://localhost:4711/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb?x=1", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711@evil.example/cb", False),
        ("https://127.0.0.1/cb", "https://127.0.0.1:4711/cb", False),
    ],
)
def test_a_redirect_uri_is_compared_by_its_letters_but_for_the_port_of_ones_own_machine(
    known: str, sent: str, same: bool
) -> None:
    assert is_registered(["https://another.example/", known], sent) is same


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "x"}, "request_uri_not_supported"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"state": "s" * 1025}, "invalid_request"),
        ({"scope": "read everything"}, "invalid_scope"),
        ({"scope": "account"}, "invalid_scope"),
        ({"scope": "read  write"}, "invalid_scope"),
    ],
)
def test_a_request_is_for_a_code_with_s256_and_scopes_of_apps(changed: dict[str, str], error: str) -> None:
    with pytest.raises(AuthorizationError) as refusal:
        handler.check_authorize(ASKED | changed)
    assert refusal.value.error == error


def test_without_a_scope_an_app_may_read() -> None:
    assert handler.check_authorize(ASKED).scopes == ("read",)
    assert handler.check_authorize(ASKED | {"scope": "write read"}).scopes == ("read", "write")


def test_an_answer_is_added_to_what_the_redirect_uri_says_already() -> None:
    assert handler.sent_back(URI, "http://me", "", code="c") == f"{URI}?code=c&iss=http%3A%2F%2Fme"
    sent = handler.sent_back(f"{URI}?a=1", "http://me", "&x= #", code="c")
    assert sent == f"{URI}?a=1&code=c&state=%26x%3D+%23&iss=http%3A%2F%2Fme"


@pytest.mark.parametrize("text", ["a=1&a=2", "a=%ff", "&".join(f"a{number}=1" for number in range(MAX_FIELDS + 1))])
def test_a_form_says_each_thing_once_in_utf_8_and_not_too_much(text: str) -> None:
    with pytest.raises(OAuthProblem):
        fields_of(text)


def test_what_is_empty_is_not_there() -> None:
    assert fields_of("a=&b=1&c") == {"b": "1"}
