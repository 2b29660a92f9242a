"""The consent page as HTML: texts stay texts, and the form leads to the app alone."""

from __future__ import annotations

import pytest

from commands.oauth import page
from commands.oauth.command import Authorize
from infra.auth.apps import App
from infra.auth.scopes import GRANTABLE

HOSTILE = "<img src=x onerror=alert(1)>\"'{0}{name}&"


def policy_for(uri: str) -> str:
    asked = Authorize("client", uri, ("read",), "challenge", "state")
    return page.consent(App(1, 1, "App", uri), asked, "ada", "a=1", "", "", 200).headers["Content-Security-Policy"]


def test_texts_stay_texts() -> None:
    asked = Authorize("client", "https://app.example/cb", GRANTABLE, "challenge", HOSTILE)
    for shown in (
        page.consent(App(1, 1, HOSTILE, "https://app.example/cb"), asked, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 401),
        page.refusal(HOSTILE, f"https://app.example/cb?x={HOSTILE}"),
    ):
        text = bytes(shown.body).decode()
        assert "<img" not in text
        assert "onerror=alert(1)&gt;" in text
        assert text.count("<form") <= 1


@pytest.mark.parametrize(
    ("uri", "leads_to"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:4711"),
        ("http://[::1]:4711/cb", "http:"),  # CSP has no word for it
    ],
)
def test_the_form_leads_to_the_app_and_nothing_is_loaded_but_the_style(uri: str, leads_to: str) -> None:
    assert policy_for(uri) == (
        f"default-src 'none'; style-src 'self'; form-action 'self' {leads_to}; base-uri 'none'; frame-ancestors 'none'"
    )
