"""Where messages may go: to the public internet, by the address that was checked."""

from __future__ import annotations

import pytest

from infra.push.addresses import ForbiddenAddressError, Target, check_url, is_public, target_of

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.1.1.1", "192.88.99.1", "240.0.0.1", "255.255.255.255"),
        *(
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "100::1",
            "3fff::1",
            "2001:10::1",
            "4000::1",
        ),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
        ),
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.org/a",
        "https://push.example.org:8443/a",
        "https://user@push.example.org/",
        "https://user:word@push.example.org/",
        "https://push.example.org/#part",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::1",
        "https:///a",
        "https://push.example.org:port/",
        "https://push.example.org\\@127.0.0.1/",
        "https://push.example.org/ a",
        "https://push.ex\u00e4mple.org/",
        "https://push.example.org/\r\nHost: x",
        "ftp://push.example.org/",
        "file:///etc/passwd",
        "push.example.org",
        "",
        "https://push.example.org/" + "a" * 2_048,
    ],
)
def test_what_is_no_plain_https_url_of_a_name_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(url)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]

    found = await target_of("https://push.example.org/a?b=c", resolve=resolve)
    assert found == Target(f"https://{PUBLIC}/a?b=c", "push.example.org", "push.example.org")
    assert asked == [("push.example.org", 443)]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], [PUBLIC, "::1"], []])
async def test_a_name_that_stands_for_anything_private_is_refused_whole(addresses: list[str]) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return addresses

    with pytest.raises(ForbiddenAddressError):
        await target_of("https://push.example.org/a", resolve=resolve)
