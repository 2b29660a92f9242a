"""Requests that must be refused, and by which code: the tables of test_bad_input."""

from __future__ import annotations

from typing import Any, NamedTuple

FOREIGN = "7d444840-9dc0-41d1-b245-5ffdce74fad2"  # a version 4, none of ours
UNKNOWN = "01a2070a-a8f3-7000-8000-000000000000"
PASSWORD = "a long password"


class Case(NamedTuple):
    """A request by Ada and the code of its answer; `{mine}` and the like in the path are the stage's."""

    method: str
    path: str
    code: str
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never written


TWEET = "/tweets"
REGISTER = "/auth/register"
BODIES: dict[str, tuple[Any, str]] = {
    "281 characters": ({"content": "a" * 281}, "text_too_long"),
    "281 after NFC": ({"content": "e\u0301" * 281}, "text_too_long"),
    "nothing": ({"content": ""}, "text_empty"),
    "white space": ({"content": " \n\u3000\u200b"}, "text_empty"),
    "a high surrogate": (b'{"content": "\\ud800"}', "body_invalid"),
    "a low surrogate": (b'{"content": "a\\udfff"}', "body_invalid"),
    "a surrogate in UTF-8": (b'{"content": "\xed\xa0\x80"}', "body_invalid"),
    "NUL": (b'{"content": "a\\u0000"}', "text_invalid_character"),
    "1 MB": ({"content": "a" * 1_000_000}, "body_too_large"),
    "no JSON": (b"{", "body_invalid"),
    "no bytes": (b"", "body_invalid"),
    "two values": (b'{"content": "a"} 1', "body_invalid"),
    "a BOM": (b'\xef\xbb\xbf{"content": "a"}', "body_invalid"),
    "UTF-16": ('{"content": "a"}'.encode("utf-16"), "body_invalid"),
    "no UTF-8": (b'{"content": "\xff"}', "body_invalid"),
    "a depth of 30,000": (b"[" * 30_000, "body_invalid"),
    "a depth of 5,000 inside": (b'{"content": "a", "media_ids": ' + b"[" * 5_000, "body_invalid"),
    "null": (b"null", "body_invalid"),
    "NaN": (b'{"content": NaN}', "body_invalid"),
    "1e400": (b'{"content": 1e400}', "body_invalid"),
    "2^70": (b'{"content": 1180591620717411303424}', "body_invalid"),
    "60,000 digits": (b'{"content": ' + b"9" * 60_000 + b"}", "body_invalid"),
    "a number": ({"content": 1}, "body_invalid"),
    "a list": ({"content": ["a"]}, "body_invalid"),
    "the same name twice": (b'{"content": "a", "content": 1}', "body_invalid"),
    "an unknown name": ({"content": "a", "colour": "red"}, "body_invalid"),
    "unknown media": ({"content": "a", "media_ids": [UNKNOWN]}, "media_unknown"),
    "a reply to nothing": ({"content": "a", "reply_to_tweet_id": UNKNOWN}, "tweet_not_found"),
    "a reply to a foreign id": ({"content": "a", "reply_to_tweet_id": FOREIGN}, "tweet_not_found"),
    "a quote of no id": ({"content": "a", "quoted_tweet_id": "x"}, "tweet_not_found"),
    "another author": ({"content": "a", "user_id": UNKNOWN}, "not_the_subject"),
}
NAMES = ["ADA", "aDa", "bOB"]
NO_NAMES = ["\uff21da", "\u0430da", "Ad\u0430", "a\u200bda", "\u212aay", "ada ", "ada\n", "", "a" * 51, "a-b"]
COMMANDS = [
    *(Case("POST", TWEET, code, body) for body, code in BODIES.values()),
    *(Case("POST", REGISTER, "username_taken", {"username": name, "password": PASSWORD}) for name in NAMES),
    *(Case("POST", REGISTER, "username_invalid", {"username": name, "password": PASSWORD}) for name in NO_NAMES),
    Case("POST", REGISTER, "email_taken", {"username": "zed", "password": PASSWORD, "email": " ADA@example.ORG"}),
    Case("POST", REGISTER, "password_invalid", {"username": "zed", "password": "short"}),
    Case("POST", "/auth/login", "login_failed", {"username": "nobody", "password": PASSWORD}),
    Case("POST", "/auth/refresh", "refresh_token_invalid", {"refresh_token": "x"}),
    Case("PATCH", "/users/me", "profile_invalid", {"profile_image_url": "javascript:alert(1)"}),
    Case("PATCH", "/users/me", "body_invalid", {"verified": True}),
    Case("DELETE", "/tweets/{his}", "not_the_author"),
    *(Case("POST", f"/users/{{ada_id}}/{verb}", "self_relation") for verb in ("follow", "block", "mute")),
    *(Case("POST", f"/tweets/{{deleted}}/{verb}", "tweet_not_found") for verb in ("like", "retweet", "bookmark")),
    Case("POST", "/tweets/{deleted}/reply", "tweet_not_found", {"content": "a"}),
    Case("POST", TWEET, "tweet_not_found", {"content": "a", "quoted_tweet_id": UNKNOWN}),
    Case("POST", "/tweets/{his}/like", "not_the_subject", {"user_id": UNKNOWN}),
    Case("POST", "/tweets/{his}/like?user_id={unknown}", "not_the_subject"),
    *(Case("POST", f"/tweets/{it}/like", "tweet_not_found") for it in ("{unknown}", "{foreign}", "x", "%00", "%ff")),
    *(Case("POST", f"/users/{it}/follow", "user_not_found") for it in ("{unknown}", "{foreign}", "x", "a" * 5000)),
    *(Case("POST", TWEET, "idempotency_key_invalid", {"content": "a"}, {"Idempotency-Key": it}) for it in ("", "a b")),
    Case("POST", TWEET, "idempotency_key_invalid", {"content": "a"}, {"Idempotency-Key": "k" * 129}),
    Case("POST", TWEET, "consistency_token_invalid", {"content": "a"}, {"X-Consistency-Token": "made up"}),
    Case("POST", "/tweets/", "route_not_found", {"content": "a"}),
    Case("POST", "//tweets", "route_not_found", {"content": "a"}),
    Case("POST", "/TWEETS", "route_not_found", {"content": "a"}),
    Case("GET", TWEET, "method_not_allowed"),
    Case("BREW", TWEET, "request_malformed"),
]
LISTS = [
    "/timeline/home",
    "/timeline/user/{ada_id}",
    "/tweets/{mine}/replies",
    "/tweets/{mine}/quotes",
    "/tweets/{mine}/thread",
    "/tweets/{mine}/likes",
    "/tweets/{mine}/retweets",
    "/users/{ada_id}/followers",
    "/users/{ada_id}/following",
    "/bookmarks",
]
BY_CURSOR = LISTS[5:]
SIZES = ["1000000000", "-1", "0", "201", "x", "", "1e400", "NaN", "9" * 5000]
QUERIES = [
    *(Case("GET", f"{path}?limit={size}", "parameter_invalid") for path in LISTS for size in SIZES),
    *(Case("GET", f"{path}?max_id={it}", "cursor_invalid") for path in LISTS[:5] for it in ("x", "{foreign}", "%00")),
    *(Case("GET", f"{path}?cursor={it}", "cursor_invalid") for path in BY_CURSOR for it in ("x", "A" * 32, "%ff")),
    *(Case("GET", f"{path}?wait_ms=-1", "parameter_invalid") for path in LISTS),
    *(Case("GET", path, "consistency_token_invalid", None, {"X-Consistency-Token": "AQEA"}) for path in LISTS),
    Case("GET", "/timeline/home?ranking=best", "parameter_invalid"),
    *(Case("GET", f"/tweets/{it}", "tweet_not_found") for it in ("{unknown}", "{foreign}", "{deleted}", "x", "%00")),
    *(Case("GET", f"/users/{it}", "user_not_found") for it in ("{unknown}", "{foreign}", "%ff", "a" * 5000)),
    Case("GET", "/users/by-username/%F0%9D%94%B8da", "user_not_found"),
    Case("POST", "/timeline/home", "method_not_allowed", {}),
    Case("GET", "/TIMELINE/home", "route_not_found"),
    Case("GET", "//timeline/home", "route_not_found"),
    Case("GET", "/timeline/home/", "route_not_found"),
    Case("GET", "/tweets/{mine}/", "route_not_found"),
]
