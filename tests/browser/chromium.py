"""Finds Debian's Chromium, or installs it: by apt-get as root, else unpacked into the project's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from infra.servers.cache import locked
from infra.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PACKAGE = "chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_BOUND_SECONDS = 600


class Chromium(NamedTuple):
    """A program, and the environment that it needs beside its own."""

    program: str
    environment: dict[str, str]


def chromium(root: bool | None = None) -> Chromium:
    """Return the browser, installed first where this machine has none; fails in words where it cannot be."""
    if program := _found():
        return Chromium(program, {})
    if shutil.which("apt-get") is None:
        raise AssertionError("there is no chromium on the PATH: install it, the tests of the pages drive it")
    if os.geteuid() == 0 if root is None else root:
        return Chromium(_installed(), {})
    return _unpacked(Settings().servers_cache.expanduser() / "chromium")


def _found() -> str | None:
    return next((program for name in NAMES if (program := shutil.which(name))), None)


def _installed() -> str:
    install = ("install", "-y", "-qq", "--no-install-recommends", PACKAGE)
    for command in (install, ("update", "-qq"), install):  # the first fails where the lists are old or empty
        _apt(*command, must=command is not install)
        if program := _found():
            return program
    raise AssertionError("`apt-get install chromium` did not bring it: install it by hand")


def _apt(*arguments: str, folder: Path | None = None, must: bool = True) -> str:
    done = subprocess.run(
        ["apt-get", *arguments], cwd=folder, capture_output=True, text=True, timeout=_BOUND_SECONDS, check=False
    )
    assert done.returncode == 0 or not must, (
        f"apt-get {' '.join(arguments)} failed; install chromium by hand. {done.stderr}"
    )
    return done.stdout


def _unpacked(folder: Path) -> Chromium:
    """Return the package and what it needs, unpacked into a folder by somebody who may not install."""
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            planned = _apt("install", "--simulate", "--no-install-recommends", PACKAGE)
            _apt("download", *re.findall(r"^Inst (\S+)", planned, re.MULTILINE), folder=part)
            for package in part.glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, part], check=True, timeout=_BOUND_SECONDS)
                package.unlink()
            part.rename(folder)
    libraries = {str(it.parent) for it in folder.glob("usr/lib/**/*.so*")}
    return Chromium(str(folder / "usr/lib/chromium/chromium"), {"LD_LIBRARY_PATH": ":".join(sorted(libraries))})
