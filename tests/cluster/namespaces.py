"""Namespaces of the kernel in which servers and processes meet faults that are real: a cut cable, a full disk.

Each is held open by a process of its own, which goes with the test; with the last process in it the kernel takes it
away. They need root, or its rights: where these are missing a test fails and says so, it does not pass.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers.process import Process

FILLER_BLOCK = bytes(1 << 20)


def run(*command: str) -> None:
    """Run a program of the system; fails with what it said."""
    assert shutil.which(command[0]), f"this test needs the program {command[0]} and the rights to use it"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()} (this test needs root's rights)"


class Namespace:
    """One kind of namespace, held open; use as a context manager."""

    def __init__(self, kind: str, prepare: str) -> None:
        """`prepare`: what a shell does inside, before anything else."""
        self.kind = kind
        command = ["unshare", f"--{kind}", "sh", "-ec", f"{prepare}\necho ready\nexec sleep infinity"]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline()
        assert said == "ready\n", f"no {kind} namespace: {said.strip()} (this test needs root's rights)"

    @property
    def pid(self) -> int:
        """The process that holds it open."""
        return self._holder.pid

    @property
    def entrance(self) -> tuple[str, ...]:
        """What is put before a command line that is to run inside."""
        return ("nsenter", f"--{self.kind}", "--target", str(self.pid), "--")

    def inside(self, command: str) -> None:
        """Run a line of shell inside."""
        run(*self.entrance, "sh", "-ec", command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()


class Network(Namespace):
    """Processes inside reach this machine's loopback servers, by their addresses, over one cable that can be cut.

    They themselves are reached at `address`. A cut is silent, as that of a real cable: nothing is refused.
    """

    def __init__(self) -> None:
        super().__init__("net", "true")
        self._cable = f"mur{self.pid}"
        third, fourth = self.pid // 64 % 256, self.pid % 64 * 4
        outside, self.address = (f"10.77.{third}.{fourth + host}" for host in (1, 2))
        run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "cable", "netns", str(self.pid))
        run("ip", "address", "add", f"{outside}/30", "dev", self._cable)
        run("ip", "link", "set", self._cable, "up")
        _let_loopback_addresses_pass(self._cable)
        # Inside no address of 127/8 is its own, so that packets to 127.0.0.1 leave by the cable.
        self.inside(
            f"ip address add {self.address}/30 dev cable; ip link set cable up\n"
            "echo 1 > /proc/sys/net/ipv4/conf/cable/route_localnet\n"
            "echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind\n"  # who listens on 127.0.0.1 may, though nobody gets there
            f"ip route add 127.0.0.0/8 via {outside} src {self.address}"
        )

    def cut(self) -> None:
        """Let nothing through, in either direction, and tell nobody."""
        run("ip", "link", "set", self._cable, "down")

    def heal(self) -> None:
        """Let everything through again."""
        run("ip", "link", "set", self._cable, "up")

    def __exit__(self, *_: object) -> None:
        run("ip", "link", "delete", self._cable)
        super().__exit__()


def _let_loopback_addresses_pass(device: str) -> None:
    Path(f"/proc/sys/net/ipv4/conf/{device}/route_localnet").write_text("1")


class SmallDisk(Namespace):
    """Inside, a folder lies on a disk of its own that has little room left; what the folder holds is taken along."""

    def __init__(self, folder: Path, free_mb: int) -> None:
        self._folder = folder.absolute()
        used = sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
        size = (used >> 20) + 1 + free_mb
        side = f"{self._folder}.small"
        super().__init__(
            "mount",
            f"mkdir '{side}'; mount -t tmpfs -o size={size}m murmuration '{side}'\n"
            f"cp -a --sparse=always '{self._folder}/.' '{side}'\n"
            f"mount --move '{side}' '{self._folder}'; rmdir '{side}'",
        )
        self._filler = self.seen / "filler"

    @property
    def seen(self) -> Path:
        """The folder as it is inside, for those outside."""
        return Path(f"/proc/{self.pid}/root{self._folder}")

    def fill(self) -> None:
        """Take all the room that is left."""
        with self._filler.open("ab", buffering=0) as filler:
            block = FILLER_BLOCK
            while block:
                try:
                    filler.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def heal(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def keep(self) -> None:
        """Bring what is on the small disk back to the folder outside; its server must be stopped."""
        kept = self._folder.with_name("kept")
        run("cp", "-a", "--sparse=always", str(self.seen), str(kept))
        shutil.rmtree(self._folder)  # which takes the disk out of the namespace, too
        kept.rename(self._folder)


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """Stop a process in its tracks; its connections stay open, and it knows nothing of the time that goes by."""
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)
