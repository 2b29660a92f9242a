"""Asks OSV whether a vulnerability is known of any package in the lock files: `python -m infra.audit`, in `make check`.

Exit code 1 where there is one. Without an answer within a few seconds it says so and is content: checks work without a
network; that what is known to be bad stays out is held by tests/architecture/test_dependencies.py as well.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-cluster.lock")
SERVICE = "https://api.osv.dev/v1/querybatch"
SECONDS = 5.0
PER_QUERY = 500
ACCEPTED: dict[str, str] = {}
"""Id of a vulnerability → why it does not concern us; to be looked at again with each release."""
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Pin(NamedTuple):
    """A package of a lock file."""

    name: str
    version: str


def pins(texts: Iterable[str]) -> list[Pin]:
    """Return the packages that lock files pin."""
    return sorted({Pin(name.lower(), version) for text in texts for name, version in _PIN.findall(text)})


def known(asked: Sequence[Pin], service: str = SERVICE) -> dict[Pin, list[str]]:
    """Return the ids of what is known of each package that something is known of; raises httpx.HTTPError."""
    found = {}
    with httpx.Client(timeout=SECONDS) as client:
        for first in range(0, len(asked), PER_QUERY):
            some = asked[first : first + PER_QUERY]
            answer = client.post(service, json={"queries": [_query(pin) for pin in some]})
            answer.raise_for_status()
            for pin, result in zip(some, answer.json()["results"], strict=True):
                ids = [it["id"] for it in result.get("vulns", ()) if it["id"] not in ACCEPTED]
                if ids:
                    found[pin] = ids
    return found


def _query(pin: Pin) -> dict[str, Any]:
    return {"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": pin.version}


def main(service: str = SERVICE) -> int:
    """Print what is known."""
    asked = pins((ROOT / name).read_text() for name in LOCKS)
    try:
        found = known(asked, service)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        _say(f"audit: {service} cannot be asked ({type(error).__name__}); {len(asked)} packages were not looked up")
        return 0
    for pin, ids in found.items():
        _say(f"audit: {pin.name} {pin.version}: {', '.join(ids)}; raise it in pyproject.toml, then `make lock`")
    if not found:
        _say(f"audit: nothing is known of {len(asked)} packages")
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
