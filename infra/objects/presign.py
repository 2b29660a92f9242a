"""Addresses that allow one request to an object without credentials: signature version 4 of Amazon, in the query.

The client's own signs the host alone; here the length and type of an upload are signed as well, so that whoever has the
address can put there what was announced, and nothing larger. Source of the formulas: "Authenticating Requests: Using
Query Parameters (AWS Signature Version 4)", Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECONDS = 604_800  # a week, by the protocol
ALGORITHM = "AWS4-HMAC-SHA256"


class Signer(NamedTuple):
    """Who signs, for which bucket: `base` is the server's address as those who use the addresses reach it."""

    base: str
    bucket: str
    region: str
    access_key: str
    secret_key: str

    def address(self, method: str, key: str, headers: Mapping[str, str], seconds: int, now_ms: int) -> str:
        """Return an address good for `seconds` from now on, for a request with exactly these headers (lower case)."""
        if not 1 <= seconds <= MAX_SECONDS:
            raise ValueError(f"an address is good for 1 to {MAX_SECONDS:,} s, not {seconds}")
        now = datetime.fromtimestamp(now_ms // 1000, UTC)
        base = urlsplit(self.base)
        path = f"{base.path.rstrip('/')}/{self.bucket}/{quote(key)}"
        signed = {"host": base.netloc, **headers}
        names = ";".join(sorted(signed))
        scope = f"{now:%Y%m%d}/{self.region}/s3/aws4_request"
        query = _query(
            {
                "X-Amz-Algorithm": ALGORITHM,
                "X-Amz-Credential": f"{self.access_key}/{scope}",
                "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
                "X-Amz-Expires": str(seconds),
                "X-Amz-SignedHeaders": names,
            }
        )
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{digest}"
        signature = hmac.new(self._key(f"{now:%Y%m%d}"), text.encode(), hashlib.sha256).hexdigest()
        return f"{base.scheme}://{base.netloc}{path}?{query}&X-Amz-Signature={signature}"

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(parameters[name], safe='')}" for name in sorted(parameters))
