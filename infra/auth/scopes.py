"""What a token may do: one table from the routes of both APIs, and the channels of streams, to the scope they need.

An app of somebody else's asks for scopes, and its user grants them. Whoever logs in here has FIRST_PARTY, and
`moderate` besides where the account's role says so. `account` is about the account itself (its sessions, apps and
password): no app is ever granted it. infra.auth.bearer holds every request against the table; a route that is not in
it is refused.
"""

from __future__ import annotations

from typing import NamedTuple

READ = "read"
WRITE = "write"
FOLLOW = "follow"
NOTIFICATIONS = "notifications"
MODERATE = "moderate"
ACCOUNT = "account"

GRANTABLE = (READ, WRITE, FOLLOW, NOTIFICATIONS, MODERATE)
"""What apps may ask for, in the order in which users are shown it."""
FIRST_PARTY = frozenset((READ, WRITE, FOLLOW, NOTIFICATIONS, ACCOUNT))

_MODERATING = frozenset(("moderator", "admin"))


def of_role(role: str) -> frozenset[str]:
    """Return what an account of this role may do, itself or by what it grants."""
    return FIRST_PARTY | {MODERATE} if role in _MODERATING else FIRST_PARTY


class Need(NamedTuple):
    """What a route asks for: the scope of the token, where one is sent, and whether one has to be sent."""

    scope: str | None
    signed_in: bool


PUBLIC = Need(None, signed_in=False)
"""Nobody asks who is asking."""
ANY_TOKEN = Need(None, signed_in=True)
"""Whatever a token may do besides; streams look at their channels."""
ANYBODY_READS = Need(READ, signed_in=False)

_API = "/api/v1"
_COMMANDS = {
    ANY_TOKEN: ("POST /auth/logout", "POST /auth/stream-tickets"),
    Need(ACCOUNT, signed_in=True): (
        "POST /auth/password",
        "DELETE /users/me",
        "GET /users/me/export",
        "GET /users/me/export/file",
        "GET /users/me/sessions",
        "DELETE /users/me/sessions",
        "DELETE /users/me/sessions/{session_id}",
        "GET /users/me/apps",
        "DELETE /users/me/apps/{client_id}",
        "POST /oauth/apps",
        "GET /oauth/apps",
        "DELETE /oauth/apps/{client_id}",
    ),
    Need(WRITE, signed_in=True): (
        "PATCH /users/me",
        "POST /reports",
        "POST /media",
        "POST /media/uploads",
        "PUT /media/uploads/{media_id}",
        "POST /media/uploads/{media_id}/complete",
        "PATCH /media/{media_id}",
        "POST /tweets",
        "POST /tweets/{tweet_id}/reply",
        "DELETE /tweets/{tweet_id}",
        "POST /tweets/{tweet_id}/retweet",
        "DELETE /tweets/{tweet_id}/retweet",
        "POST /tweets/{tweet_id}/like",
        "DELETE /tweets/{tweet_id}/like",
        "POST /tweets/{tweet_id}/bookmark",
        "DELETE /tweets/{tweet_id}/bookmark",
    ),
    Need(FOLLOW, signed_in=True): (
        "POST /users/{user_id}/follow",
        "DELETE /users/{user_id}/follow",
        "POST /users/{user_id}/block",
        "DELETE /users/{user_id}/block",
        "POST /users/{user_id}/mute",
        "DELETE /users/{user_id}/mute",
    ),
    Need(NOTIFICATIONS, signed_in=True): (
        "POST /notifications/read",
        "PATCH /notifications/preferences",
        "GET /push/vapid-key",
        "POST /push/subscriptions",
        "DELETE /push/subscriptions",
    ),
    Need(MODERATE, signed_in=True): (
        "POST /moderation/cases/{case_id}/claim",
        "DELETE /moderation/cases/{case_id}/claim",
        "POST /moderation/cases/{case_id}/notes",
        "POST /moderation/cases/{case_id}/decision",
        "POST /moderation/cases/{case_id}/appeal-decision",
        "POST /moderation/trends",
    ),
    Need(WRITE, signed_in=False): ("POST /moderation/appeals",),
    PUBLIC: (
        "POST /auth/register",
        "POST /auth/login",
        "POST /auth/refresh",
        "GET /oauth/authorize",
        "POST /oauth/authorize",
        "GET /oauth/style.css",
        "POST /oauth/token",
        "POST /oauth/revoke",
        "POST /oauth/introspect",
    ),
}
_QUERIES = {
    ANY_TOKEN: ("GET /stream",),
    Need(READ, signed_in=True): ("GET /media/{media_id}", "GET /timeline/home", "GET /bookmarks", "GET /users/me"),
    ANYBODY_READS: (
        "GET /timeline/user/{user_id}",
        "GET /tweets/{tweet_id}",
        "GET /tweets/{tweet_id}/replies",
        "GET /tweets/{tweet_id}/quotes",
        "GET /tweets/{tweet_id}/thread",
        "GET /tweets/{tweet_id}/likes",
        "GET /tweets/{tweet_id}/retweets",
        "GET /users/by-username/{name}",
        "GET /users/{user_id}",
        "GET /users/{user_id}/followers",
        "GET /users/{user_id}/following",
        "GET /search/tweets",
        "GET /search/users",
        "GET /trends",
        "GET /trends/history",
        "GET /trends/topics/{name}",
        "GET /trends/places",
    ),
    Need(NOTIFICATIONS, signed_in=True): (
        "GET /notifications",
        "GET /notifications/unread_count",
        "GET /notifications/preferences",
    ),
    Need(MODERATE, signed_in=True): (
        "GET /moderation/queue",
        "GET /moderation/cases/{case_id}",
        "GET /moderation/audit",
        "GET /moderation/trends",
    ),
}
_AT_THE_ROOT = {
    PUBLIC: (
        "GET /openapi.json",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /problems/{code}",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
        "GET /projections",
        "GET /",
        "GET /search",
        "GET /notifications",
        "GET /@{name}",
        "GET /tweets/{tweet_id}",
        "GET /trends",
        "GET /bookmarks",
        "GET /settings",
        "GET /moderation",
        "GET /appeal",
        "GET /pipeline",
        "GET /assets/{version}/{name}",
        "GET /media/files/{media_id}/{file}",
    ),
}

CHANNELS = {"home": READ, "notifications": NOTIFICATIONS, "counters": READ, "trends": READ}
"""Kind of stream → the scope it needs, by an access token as by a ticket."""

NEEDS: dict[tuple[str, str], Need] = {
    (method, prefix + path): need
    for prefix, table in ((_API, _COMMANDS), (_API, _QUERIES), ("", _AT_THE_ROOT))
    for need, routes in table.items()
    for method, _, path in (route.partition(" ") for route in routes)
}
"""(method, path) → what it asks for."""
