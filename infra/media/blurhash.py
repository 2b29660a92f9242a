"""A blurred preview of a picture in some thirty characters: https://blurha.sh, its published algorithm."""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ACROSS, DOWN = 4, 3
"""Waves of each direction that are kept."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_LINEAR = tuple((v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4) for v in range(256))  # noqa: PLR2004 - sRGB

Colour = tuple[float, float, float]
Pixel = tuple[int, int, int]


def blurhash(pixels: Sequence[Pixel], width: int) -> str:
    """Return the hash of the pixels (red, green, blue), row by row; some 10 ms for 32 times 32."""
    height = len(pixels) // width
    linear = [(_LINEAR[r], _LINEAR[g], _LINEAR[b]) for r, g, b in pixels]
    factors = [_factor(linear, width, height, i, j) for j in range(DOWN) for i in range(ACROSS)]
    mean, rest = factors[0], factors[1:]
    most = max(abs(part) for factor in rest for part in factor)
    scale = max(0, min(82, int(most * 166 - 0.5)))
    text = _base83(ACROSS - 1 + (DOWN - 1) * 9, 1) + _base83(scale, 1)
    text += _base83(_srgb(mean[0]) << 16 | _srgb(mean[1]) << 8 | _srgb(mean[2]), 4)
    return text + "".join(_base83(_packed(factor, (scale + 1) / 166), 2) for factor in rest)


def _factor(linear: Sequence[Colour], width: int, height: int, i: int, j: int) -> Colour:
    rows = [cos(pi * j * y / height) for y in range(height)]
    columns = [cos(pi * i * x / width) for x in range(width)]
    red = green = blue = 0.0
    for at, (r, g, b) in enumerate(linear):
        wave = rows[at // width] * columns[at % width]
        red, green, blue = red + wave * r, green + wave * g, blue + wave * b
    scale = (1 if i == j == 0 else 2) / (width * height)
    return red * scale, green * scale, blue * scale


def _srgb(value: float) -> int:
    value = max(0.0, min(1.0, value))
    return int((value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055) * 255 + 0.5)  # noqa: PLR2004 - sRGB


def _packed(factor: Colour, most: float) -> int:
    packed = 0
    for part in factor:
        root = abs(part / most) ** 0.5
        packed = packed * 19 + max(0, min(18, int((root if part >= 0 else -root) * 9 + 9.5)))
    return packed


def _base83(value: int, digits: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(digits)))
