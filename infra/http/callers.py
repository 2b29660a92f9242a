"""Tells from where a request comes: the peer itself, or what a proxy that is trusted by name says about it.

Only a peer within `trusted_proxies` is heard, and of the list that it gives only the nearest hop that is no proxy of
ours: what stands further left was written by whoever that hop is. One header counts (`proxy_header`), because a proxy
sets one and passes the other on as it came.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from starlette.types import Scope

    from infra.settings import Settings

IPV6_PREFIX = 64  # one customer has at least a /64
HOPS_READ = 32  # of a chain of proxies; further ones are nobody's of ours
UNKNOWN = "unknown"
_FORWARDED_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"\\]*)"|([^\s";,]*))\s*')
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+)(?::[0-9]{1,5})?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Hop(NamedTuple):
    """Whom a proxy was asked by, and how."""

    address: str
    scheme: str


class Callers:
    """Whom this process trusts to say who calls."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = tuple(networks(settings.trusted_proxies))
        self._header = settings.proxy_header.encode()
        self._hops = _of_forwarded if settings.proxy_header == "forwarded" else _of_x_forwarded_for

    def network(self, scope: Scope) -> str:
        """Return the caller's IPv4 address or IPv6 /64."""
        client = scope.get("client")
        peer = client[0] if client else UNKNOWN
        if not self._trusted or not self._is_trusted(peer):
            return network_of(peer)
        for hop in reversed(self._hops(self._said(scope, self._header))[-HOPS_READ:]):
            if not self._is_trusted(hop.address):
                return network_of(hop.address)
        return network_of(peer)

    def is_https(self, scope: Scope) -> bool:
        """Tell whether the caller used https, to us or to a proxy of ours."""
        if not self._trusted:
            return bool(scope.get("scheme") == "https")
        client = scope.get("client")
        if not client or not self._is_trusted(client[0]):
            return bool(scope.get("scheme") == "https")
        if self._header == b"forwarded":
            hops = _of_forwarded(self._said(scope, self._header))
            return bool(hops) and hops[-1].scheme == "https"
        return self._said(scope, b"x-forwarded-proto").rpartition(",")[2].strip().lower() == "https"

    def _is_trusted(self, text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(address in network for network in self._trusted)

    @staticmethod
    def _said(scope: Scope, wanted: bytes) -> str:
        return b",".join(value for name, value in scope["headers"] if name == wanted).decode("latin-1")


def networks(text: str) -> list[Network]:
    """Return the networks of a comma-separated list of addresses and CIDRs; raises ValueError."""
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


@lru_cache(maxsize=10_000)
def network_of(text: str) -> str:
    """Return what counts as one caller: an IPv4 address (also one inside IPv6), an IPv6 /64, or `unknown`."""
    address = _parsed(text)
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _of_x_forwarded_for(said: str) -> list[_Hop]:
    return [_Hop(_without_port(part.strip()), "") for part in said.split(",") if part.strip()]


def _of_forwarded(said: str) -> list[_Hop]:
    """Read RFC 7239; an element without a readable `for` is an unknown caller."""
    hops = []
    for element in filter(str.strip, said.split(",")):
        pairs = {name.lower(): quoted or plain for name, quoted, plain in _FORWARDED_PAIR.findall(element)}
        hops.append(_Hop(_without_port(pairs.get("for", UNKNOWN)), pairs.get("proto", "").lower()))
    return hops


def _without_port(text: str) -> str:
    named = _WITH_PORT.fullmatch(text)
    return text if named is None else named[1] or named[2]
