"""Who is behind a request: forged headers are nobody's, and a proxy's list is read from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.http.callers import UNKNOWN, Callers, network_of
from infra.settings import Settings

if TYPE_CHECKING:
    import ipaddress

PROXY = "192.0.2.250"
TRUSTED: dict[str, Any] = {"trusted_proxies": "192.0.2.248/29, 2001:db8:ffff::/48, 198.51.100.1"}


def scope(peer: str | None, **headers: str) -> dict[str, Any]:
    told = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
    return {"type": "http", "client": (peer, 1) if peer else None, "headers": told, "scheme": "http"}


CASES = [
    ({}, "203.0.113.5", {"x_forwarded_for": "1.2.3.4"}, "203.0.113.5"),
    (TRUSTED, "203.0.113.5", {"x_forwarded_for": "1.2.3.4"}, "203.0.113.5"),
    (TRUSTED, PROXY, {}, PROXY),
    (TRUSTED, PROXY, {"x_forwarded_for": "1.2.3.4"}, "1.2.3.4"),
    (TRUSTED, f"::ffff:{PROXY}", {"x_forwarded_for": "1.2.3.4:5678"}, "1.2.3.4"),
    (TRUSTED, PROXY, {"x_forwarded_for": "6.6.6.6, 1.2.3.4, 198.51.100.1,192.0.2.249"}, "1.2.3.4"),
    (TRUSTED, PROXY, {"x_forwarded_for": "6.6.6.6, [2001:db8::1]:443"}, "2001:db8::/64"),
    (TRUSTED, "2001:db8:ffff::9", {"x_forwarded_for": "2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"),
    (TRUSTED, PROXY, {"x_forwarded_for": "1.2.3.4, localhost"}, UNKNOWN),
    (TRUSTED, PROXY, {"x_forwarded_for": ", ,"}, PROXY),
    (TRUSTED, PROXY, {"forwarded": "for=1.2.3.4"}, PROXY),  # the other header is the caller's own
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"x_forwarded_for": "1.2.3.4"}, PROXY),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"forwarded": "for=6.6.6.6, For=1.2.3.4;proto=https"}, "1.2.3.4"),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"forwarded": 'for="[2001:db8::1]:80"'}, "2001:db8::/64"),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"forwarded": "for=_hidden;by=x"}, UNKNOWN),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"forwarded": "proto=https"}, UNKNOWN),
    ({}, None, {}, UNKNOWN),
    ({}, "fe80::1%eth0", {}, "fe80::/64"),
]


@pytest.mark.parametrize(("settings", "peer", "headers", "network"), CASES)
def test_the_caller_is_the_nearest_hop_that_no_trusted_proxy_is(
    settings: dict[str, Any], peer: str | None, headers: dict[str, str], network: str
) -> None:
    assert Callers(Settings(**settings)).network(scope(peer, **headers)) == network


HTTPS = [
    ({}, "203.0.113.5", {"x_forwarded_proto": "https"}, False),
    (TRUSTED, "203.0.113.5", {"x_forwarded_proto": "https"}, False),
    (TRUSTED, PROXY, {"x_forwarded_proto": "https"}, True),
    (TRUSTED, PROXY, {"x_forwarded_proto": "https, http"}, False),
    (TRUSTED, PROXY, {}, False),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"forwarded": "for=1.2.3.4;proto=HTTPS"}, True),
    ({**TRUSTED, "proxy_header": "forwarded"}, PROXY, {"x_forwarded_proto": "https"}, False),
]


@pytest.mark.parametrize(("settings", "peer", "headers", "https"), HTTPS)
def test_https_is_what_a_trusted_proxy_says(
    settings: dict[str, Any], peer: str, headers: dict[str, str], https: bool
) -> None:
    assert Callers(Settings(**settings)).is_https(scope(peer, **headers)) is https


@given(st.text(max_size=60))
def test_whatever_a_peer_says_it_stays_one_caller(said: str) -> None:
    sent = said.encode("latin-1", "replace").decode("latin-1")
    for header in ("x-forwarded-for", "forwarded"):
        callers = Callers(Settings(proxy_header=header, **TRUSTED))
        assert callers.network(scope("203.0.113.5", x_forwarded_for=sent, forwarded=sent)) == "203.0.113.5"
        callers.network(scope(PROXY, x_forwarded_for=sent, forwarded=sent))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_caller_inside_ipv6(address: ipaddress.IPv4Address) -> None:
    assert network_of(f"::ffff:{address}") == network_of(str(address)) == str(address)


def test_a_network_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies="192.0.2.1/24")
