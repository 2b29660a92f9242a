"""Takes out of a line of a log what is nobody's to read: tokens, passwords, cookies, log-ins, email addresses.

The last net, not the first: nothing of the kind is written on purpose. It knows what such things look like (`eyJ…`) and
what stands before them (`password=`), wherever they got into the line from: a query string, a traceback, a client.
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_NAMES = (
    r"pass(?:word|wd|phrase)?|(?:client_|secret_?)?secret|secret_key|access_key|api_?key|authorization|cookie|set-cookie"
    r"|(?:access_|refresh_|id_|csrf_)?token|ticket|code_verifier|credentials?|otp"
)
_QUOTE = r"""\\{0,7}["']"""  # of JSON in JSON, too
_SEPARATED = (
    rf"""(?:{_QUOTE})?\s{{0,3}}(?:[:=]|{_QUOTE},|,)\s{{0,3}}(?:b(?={_QUOTE}))?(?:{_QUOTE})?"""  # also a pair of bytes
)
_VALUE = r"""(?!\(hidden\)|None\b|null\b|true\b|false\b)(?:(?:bearer|basic|digest)\s+)?[^\s"'&;,)}\]\\<>]+"""
_NAMED = re.compile(rf"(?i)(?<![a-z])({_NAMES})({_SEPARATED}){_VALUE}")
_SIGNED = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){0,4}")  # base64url of `{"`: also a token that was cut off
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+(?!\(hidden\)|error=|realm=)[A-Za-z0-9._~+/=-]{8,}")
_LOG_IN = re.compile(r"(?<=://)[^/\s@\"']*:[^/\s@\"']*@")
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_CODE = re.compile(r"(?i)(?<=[?&])(code|state|sig|signature|x-amz-[a-z-]+)=[^\s\"'&]+")


def scrub(text: str) -> str:
    """Return the line without them."""
    if "://" in text:
        text = _LOG_IN.sub(f"{HIDDEN}@", text)
    text = _SIGNED.sub(HIDDEN, text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    if "=" in text:
        text = _CODE.sub(rf"\1={HIDDEN}", text)
    return _EMAIL.sub(HIDDEN, text) if "@" in text else text
