"""What pictures need beside the demo: bookmarks, cases with a moderator, somebody suspended, an app that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from tests.browser.posters import Poster
from tests.oauth_world import OAUTH, pkce
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.e2e.system import System

CALLBACK = "https://starling.example/back"
REPORTS = (
    ("spam", "The same words under every tweet."),
    ("misinformation", "Tea does not do that."),
    ("abuse", ""),
    ("spam", ""),
    ("other", "Is this a person?"),
)
BOOKMARKS = 5
SUSPENDED = "loud_magpie"  # nobody of the demo, which needs all its people


class Stage(NamedTuple):
    """Who and what stands on the pages."""

    judge: str
    case: str
    consent: str


def _player(system: System, username: str, passwords: Mapping[str, str]) -> Poster:
    """Return one of the demo's people."""
    return Poster(system, username, passwords[username], "/auth/login")


def staged(system: System, passwords: Mapping[str, str], who: str, kept: frozenset[str]) -> Stage:
    """Set it up; nobody in `kept` moderates."""
    others = (name for name in passwords if name not in kept)
    own, judge = _player(system, who, passwords), next(others)
    tweets = [it for it in own.get("/timeline/home?limit=60")["tweets"] if it["type"] == "TWEET"]
    for tweet in tweets[:BOOKMARKS]:
        own.send("POST", f"/tweets/{tweet['tweet_id']}/bookmark")
    _suspend(system)
    return Stage(judge, _cases(system, passwords, judge, others, tweets), _consent(system, own))


def _suspend(system: System) -> None:
    Poster(system, SUSPENDED)
    why = "The same link in forty tweets within an hour."
    done = system.murmur("users", "suspend", SUSPENDED, "--days", "7", "--reason", why)
    assert done.returncode == 0, done.stderr


def _cases(
    system: System, passwords: Mapping[str, str], judge: str, others: Iterator[str], tweets: list[dict[str, Any]]
) -> str:
    """Report some tweets; let the moderator take the case of one. Returns that."""
    cases = [it["tweet_id"] for it in tweets if it["user"]["username"] != judge][: len(REPORTS) - 1]
    reporters = (_player(system, name, passwords) for name in others)
    for case, (reason, comment) in zip([cases[0], *cases], REPORTS, strict=True):
        author = next(it["user"]["username"] for it in tweets if it["tweet_id"] == case)
        reporter = next(it for it in reporters if it.username != author)
        reporter.send("POST", "/reports", {"tweet_id": case, "reason": reason, "comment": comment})
    done = system.murmur("users", "promote", judge)
    assert done.returncode == 0, done.stderr
    moderator = _player(system, judge, passwords)
    until(lambda: len(moderator.get("/moderation/queue")["cases"]) >= len(cases))
    moderator.send("POST", f"/moderation/cases/{cases[0]}/claim")
    moderator.send("POST", f"/moderation/cases/{cases[0]}/notes", {"text": "Asked the author for a source."})
    moderator.send("POST", "/moderation/trends", {"topic": "#giveaway"})
    return str(cases[0])


def _consent(system: System, own: Poster) -> str:
    """The address at which an app asks for access."""
    app = own.send("POST", f"{OAUTH.removeprefix('/api/v1')}/apps", {"name": "Starling", "redirect_uris": [CALLBACK]})
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": CALLBACK,
        "scope": "read write follow",
        "state": "s",
        "code_challenge": pkce().challenge,
        "code_challenge_method": "S256",
    }
    return f"{system.commands}{OAUTH}/authorize?{urlencode(asked)}"
