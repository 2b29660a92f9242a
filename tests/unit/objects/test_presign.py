"""An address that allows one request says what it allows, for how long, and never by what secret."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from infra.objects.presign import MAX_SECONDS, Signer

SIGNER = Signer("https://objects.example:9000", "media", "us-east-1", "who", "secret words")
NOW_MS = 1_369_353_600_000  # 2013-05-24T00:00:00Z
HEADERS = {"content-length": "7", "content-type": "image/png"}


def test_it_names_the_request_its_headers_and_its_time() -> None:
    address = urlsplit(SIGNER.address("PUT", "media/7/a.png", HEADERS, 60, NOW_MS))
    assert (address.scheme, address.netloc, address.path) == ("https", "objects.example:9000", "/media/media/7/a.png")
    told = {name: values[0] for name, values in parse_qs(address.query).items()}
    signature = told.pop("X-Amz-Signature")
    assert told == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "who/20130524/us-east-1/s3/aws4_request",
        "X-Amz-Date": "20130524T000000Z",
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "content-length;content-type;host",
    }
    assert len(bytes.fromhex(signature)) == 32
    assert "secret" not in address.geturl()


def test_whatever_differs_has_another_signature() -> None:
    asked = [
        SIGNER.address("PUT", "a", HEADERS, 60, NOW_MS),
        SIGNER.address("GET", "a", HEADERS, 60, NOW_MS),
        SIGNER.address("PUT", "b", HEADERS, 60, NOW_MS),
        SIGNER.address("PUT", "a", {**HEADERS, "content-length": "8"}, 60, NOW_MS),
        SIGNER.address("PUT", "a", HEADERS, 61, NOW_MS),
        SIGNER.address("PUT", "a", HEADERS, 60, NOW_MS + 1000),
        SIGNER._replace(secret_key="another").address("PUT", "a", HEADERS, 60, NOW_MS),
    ]
    assert len({address.rpartition("=")[2] for address in asked}) == len(asked)


@pytest.mark.parametrize("seconds", [0, -1, MAX_SECONDS + 1])
def test_a_time_that_the_protocol_has_not_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="an address is good for"):
        SIGNER.address("GET", "a", {}, seconds, NOW_MS)
