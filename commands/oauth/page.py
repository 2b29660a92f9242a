"""The page on which an owner lets an app in: HTML without scripts, every text escaped, nothing from elsewhere."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Response

from commands.oauth.server import OAUTH
from infra import look
from infra.auth.scopes import FOLLOW, MODERATE, NOTIFICATIONS, READ, WRITE

if TYPE_CHECKING:
    from commands.oauth.command import Authorize
    from infra.auth.apps import App

SCOPES = {
    READ: "Read what you can read: your feed, your bookmarks, who you are",
    WRITE: "Post, delete, like and bookmark in your name, and edit your profile",
    FOLLOW: "Follow, block and mute in your name",
    NOTIFICATIONS: "See your notifications, and mark them as read",
    MODERATE: "Moderate in your name, if you are a moderator",
}
_REGISTRANT = "The app was registered by <b>@{name}</b>, not by Murmuration. "
_NEVER = "It never sees your password, and can change neither it nor your sessions."

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Murmuration</title>
<link rel="stylesheet" href="{oauth}/style.css">
</head>
<body class="alone">
<main id="main">
{content}
</main>
</body>
</html>
"""
_CONSENT = """<h1>Allow {name} to use your account?</h1>
<p>{registrant}It will send you back to <b>{host}</b>.</p>
<section aria-labelledby="wants">
<h2 id="wants">It wants to</h2>
<ul class="wanted">{scopes}</ul>
</section>
<p class="soft">{never}</p>
<form method="post" action="{oauth}/authorize?{query}">
<p class="wrong" role="alert">{wrong}</p>
<label><span>Username</span>
<input name="username" value="{username}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="50" required></label>
<label><span>Password</span>
<input name="password" type="password" autocomplete="current-password" maxlength="256" required></label>
<div class="row">
<button name="decision" value="allow">Allow</button>
<button class="plain" name="decision" value="deny" formnovalidate>Deny</button>
</div>
</form>"""
_REFUSAL = """<h1>This cannot be answered</h1>
<p>{reason}</p>
<p class="soft">Nothing was allowed. Go back to the app, and tell those who made it.</p>
{back}"""
_BACK = '<p><a href="{url}" rel="noreferrer">Go back to {host}</a></p>'


@lru_cache(maxsize=1)
def style() -> bytes:
    """Return the look of all pages."""
    return look.style()


def consent(
    app: App, command: Authorize, registrant: str, query: str, wrong: str, username: str, status: int
) -> Response:
    """Return the page that asks; `query` is the request's own, which the form brings back."""
    url = urlsplit(command.redirect_uri)
    content = _CONSENT.format(
        name=escape(app.name),
        registrant=f"The app was registered by <b>@{escape(registrant)}</b>, not by Murmuration. "
        if registrant
        else "",
        host=escape(url.netloc),
        scopes="".join(f"<li>{escape(SCOPES[scope])}</li>" for scope in command.scopes),
        never=escape(_NEVER),
        query=escape(query),
        wrong=escape(wrong),
        username=escape(username),
        oauth=OAUTH,
    )
    return _answer(f"Allow {app.name}?", content, status, _sent_to(url.scheme, url.netloc))


def refusal(reason: str, back: str = "", status: int = 400) -> Response:
    """Return the page that says why nothing is asked; `back` tells the app, if the owner presses it."""
    link = _BACK.format(url=escape(back), host=escape(urlsplit(back).netloc)) if back else ""
    return _answer("Not allowed", _REFUSAL.format(reason=escape(reason), back=link), status)


def _sent_to(scheme: str, netloc: str) -> str:
    """Return where the form's answer may lead to; CSP has no word for an IPv6 address."""
    return f"{scheme}:" if "[" in netloc else f"{scheme}://{netloc}"


def _answer(title: str, content: str, status: int, leads_to: str = "") -> Response:
    policy = (
        f"default-src 'none'; style-src 'self'; form-action 'self' {leads_to}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",  # by which a form says where it came from, to nobody else
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    text = _DOCUMENT.format(title=escape(title), oauth=OAUTH, content=content)
    return Response(text, status, headers, "text/html; charset=utf-8")
