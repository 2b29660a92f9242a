"""Gives up, for good, what decoding does not need: memory without bound, time, files, the network, other processes.

Guarantee:  after `confine` a process can read and write the descriptors that it has, ask for memory, tell the time, and
            end: nothing else. It opens no file, for reading or writing, makes no socket and starts no process: those
            calls fail with EPERM, whoever makes them. Where the machine is no Linux on x86-64 or ARM64 only the limits
            of memory, time and size are there; `can_filter` tells.
Source:     seccomp(2), with a filter of classic BPF that allows what is listed
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from typing import NamedTuple

NOBODY = 65_534
MEMORY_BYTES = 512 << 20  # beside what the libraries take of address space themselves

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 4, 38, 22
_FILTER_MODE = 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # EPERM
_AT_NUMBER, _AT_ARCHITECTURE = 0, 4
_SIGKILL = 9


class _Machine(NamedTuple):
    """What the kernel calls an architecture, and its numbers of the calls that stay allowed."""

    architecture: int
    calls: tuple[int, ...]


_MACHINES = {
    # read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64 pwrite64
    # readv writev sched_yield mremap madvise getpid exit ftruncate getrusage sysinfo sigaltstack gettid futex
    # sched_getaffinity clock_gettime clock_nanosleep exit_group set_robust_list getrandom membarrier getcwd
    "x86_64": _Machine(
        0xC000003E,
        (
            *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 24, 25, 28, 39, 60, 77, 98, 99, 131, 186, 202),
            *(204, 228, 230, 231, 273, 318, 324, 79),
        ),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        (
            *(63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 67, 68, 65, 66, 124, 216, 233, 172, 93, 46, 165),
            *(179, 132, 178, 98, 123, 113, 115, 94, 99, 278, 283, 17),
        ),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def can_filter() -> bool:
    """Tell whether calls can be filtered on this machine."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def confine(cpu_seconds: int, file_bytes: int) -> None:
    """Confine this process; raises OSError where the kernel refuses."""
    _limit(resource.RLIMIT_AS, _address_space() + MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if can_filter():
        _filter(_MACHINES[platform.machine()])


def die_with_parent() -> None:
    """Be killed when the process that started this one ends."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def _address_space() -> int:
    """Return the address space that the process has now."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - before anything is confined
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _filter(machine: _Machine) -> None:
    checks = [_step(_LOAD, 0, 0, _AT_ARCHITECTURE), _step(_EQUAL, 1, 0, machine.architecture)]
    checks += [_step(_RETURN, 0, 0, _REFUSE), _step(_LOAD, 0, 0, _AT_NUMBER)]
    left = range(len(machine.calls), 0, -1)
    checks += [_step(_EQUAL, to_end, 0, number) for to_end, number in zip(left, machine.calls, strict=True)]
    checks += [_step(_RETURN, 0, 0, _REFUSE), _step(_RETURN, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(checks))
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(_Program(len(checks), ctypes.addressof(program))))


def _step(code: int, then: int, otherwise: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _prctl(option: int, *values: object) -> None:
    given = [*values, *(0,) * (4 - len(values))]
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, *given):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
