"""What `murmur doctor` found of one thing."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """What was looked at and found; `remedy` is empty where all is well."""

    name: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether all is well."""
        return not self.remedy
