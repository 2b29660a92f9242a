"""What a line of a log may not hold, in the shapes in which it gets there; and what it keeps."""

from __future__ import annotations

import json
import logging
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.json_logs import FIELDS, JsonFormatter
from infra.scrubbing import HIDDEN, scrub

SECRET = "hunter2-Zk93_x"
SHAPES = [
    "password={}",
    "?username=ada&password={}&x=1",
    '{{"password":"{}"}}',
    '{{"error":"{{\\"password\\": \\"{}\\"}}"}}',
    "{{'client_secret': '{}'}}",
    "refresh_token: {}",
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "(b'authorization', b'Bearer {}')",
    "(b'cookie', b'{}')",
    "Cookie: {}",
    "set-cookie={}; HttpOnly",
    "sent Bearer {} to it",
    "GET /stream?ticket={}&streams=home",
    "GET /oauth/callback?code={}&iss=x",
    "redis://writer:{}@127.0.0.1:6379/0",
    "https://{}:x@example.org/",
    "passwd {{'passwd': b'{}'}}",
    "ticket='{}'",
    "code_verifier={}",
    "https://store/key?X-Amz-Signature={}",
]
KEPT = [
    "Scylla or Cassandra at 127.0.0.1:9042: wrong password",
    "tweets-3 is 5 records behind: code=200, state ready",
    "a token is missing",
    "@ada said hello",
    "the ticket was used before",
    "http://127.0.0.1:8000/problems/token_missing",
    'WWW-Authenticate: Bearer error="invalid_token"',
    "no token: None",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_gets_into_a_line(shape: str) -> None:
    said = scrub(shape.format(SECRET))
    assert SECRET not in said
    assert HIDDEN in said


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub(text) == text


def test_email_addresses_are_hidden() -> None:
    assert scrub("ada.lovelace+x@mail.example.org is taken") == f"{HIDDEN} is taken"


@given(st.dictionaries(st.sampled_from(["sub", "sid", "scope"]), st.text(max_size=30)), st.integers(10, 400))
def test_tokens_are_hidden_wherever_they_stand_and_also_where_they_were_cut(claims: dict[str, str], cut: int) -> None:
    token = jwt.encode(claims, "x" * 32, "HS256", {"typ": "at+jwt"})[:cut]
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (f"a{token[:0]} {token}!",), None)
    setattr(record, FIELDS, {"more": token})
    assert token not in JsonFormatter().format(record)


def test_a_scrubbed_line_is_still_json() -> None:
    for shape in SHAPES:
        record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (shape.format(SECRET),), None)
        line = JsonFormatter().format(record)
        assert SECRET not in line
        assert HIDDEN in json.loads(line)["message"]


@pytest.mark.parametrize("text", ["a" * 60_000, "a@" * 30_000, "://" * 20_000, 'token="' * 9_000, "password: " * 6_000])
def test_a_hostile_line_takes_no_time(text: str) -> None:
    began = time.process_time()
    scrub(text)
    assert time.process_time() - began < 2
