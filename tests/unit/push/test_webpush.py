"""Encryption by the vector of RFC 8291, appendix A, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from infra.push.webpush import MAX_PLAINTEXT_BYTES, Keys, Vapid, encrypt, keys_of
from tests.push_receiver import Device, raw, text

if TYPE_CHECKING:
    from pathlib import Path

PLAINTEXT = b"When I grow up, I want to be a watermelon"
PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_a_message_is_encrypted_as_the_standard_says() -> None:
    sender = ec.derive_private_key(int.from_bytes(raw(SENDER)), ec.SECP256R1())
    assert text(encrypt(PLAINTEXT, keys_of(PUBLIC, AUTH), own=sender, salt=raw(SALT))) == BODY


def test_the_device_reads_it_and_no_two_messages_are_alike() -> None:
    device = Device()
    keys = Keys(device.p256dh, device.auth)
    first, second = encrypt(PLAINTEXT, keys), encrypt(PLAINTEXT, keys)
    assert device.decrypt(first) == device.decrypt(second) == PLAINTEXT
    assert first[:16] != second[:16]
    with pytest.raises(ValueError, match="at most"):
        encrypt(b"a" * (MAX_PLAINTEXT_BYTES + 1), keys)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", AUTH),
        (PUBLIC, ""),
        (PUBLIC[:-4], AUTH),
        (PUBLIC, AUTH + "AAAA"),
        ("not base64!", AUTH),
        ("\u00fc" * 87, AUTH),
        (text(b"\x04" + b"\x01" * 64), AUTH),  # no point of the curve
        (text(b"\x02" + b"\x01" * 64), AUTH),
        (PUBLIC + "==", "="),
    ],
)
def test_what_are_no_keys_is_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        keys_of(p256dh, auth)


def test_padding_may_be_written_or_left_out() -> None:
    assert keys_of(PUBLIC + "=", AUTH + "==") == keys_of(PUBLIC, AUTH)


def test_an_installation_signs_with_one_key(tmp_path: Path) -> None:
    first, second = Vapid(tmp_path, "mailto:a@example.org"), Vapid(tmp_path, "mailto:a@example.org")
    assert first.public_key == second.public_key
    assert len(raw(first.public_key)) == 65
    assert (tmp_path / "vapid.p256.pem").stat().st_mode & 0o77 == 0
