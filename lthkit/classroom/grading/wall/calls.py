"""Which system calls a submission may make: those that compute, use memory, files and threads, and no others.

libseccomp writes the filter, Linux holds it. What is not listed is refused: sockets but for a pair of one's own, other processes and what could be
done to them, programs, changes of modes, owners and times, mounts, and all that only a system's administrator needs.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from typing import Any

# Names that a processor does not have are passed over.
_ALLOWED = """
read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek close close_range dup dup2 dup3
open openat openat2 creat access faccessat faccessat2 stat lstat fstat newfstatat fstatat64 stat64 lstat64 fstat64 statx
statfs fstatfs statfs64 fstatfs64 readlink readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink
unlinkat rename renameat renameat2 link linkat symlink symlinkat umask ftruncate ftruncate64 fallocate
fsync fdatasync sync_file_range fadvise64 fadvise64_64 readahead flock copy_file_range sendfile sendfile64 splice tee
pipe pipe2 poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 eventfd eventfd2 epoll_create epoll_create1
epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 signalfd signalfd4
brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall mbind get_mempolicy
set_mempolicy set_mempolicy_home_node pkey_alloc pkey_free pkey_mprotect remap_file_pages map_shadow_stack mseal cachestat
set_robust_list get_robust_list set_tid_address set_thread_area get_thread_area arch_prctl futex futex_time64 futex_waitv
futex_wake futex_wait futex_requeue membarrier rseq getcpu sched_yield sched_getaffinity sched_getparam sched_getscheduler
sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack
sigaction sigprocmask sigreturn sigpending sigsuspend signal restart_syscall pause wait4 waitid waitpid exit exit_group
getpid gettid getppid getpgid getpgrp getsid getuid geteuid getgid getegid getresuid getresgid getgroups getuid32 geteuid32
getgid32 getegid32 getresuid32 getresgid32 getgroups32 capget getpriority getrlimit ugetrlimit getrusage sysinfo uname times
getrandom time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 nanosleep clock_nanosleep
clock_nanosleep_time64 alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
cacheflush riscv_flush_icache riscv_hwprobe setrlimit recvfrom recvmsg getsockname getsockopt shutdown
""".split()

# By their first number: copies of descriptors, their flags and locks, sizes of pipes; no owner, signal, lease or notice.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 36, 37, 38, 1030, 1031, 1032, 1034)
_IOCTL = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # is it a terminal, how wide, how much is there; three flags
_PRCTL = (3, 15, 16, 21, 23, 39, 41, 42, 0x53564D41)  # names of threads and of memory, and questions

# What came to Linux after the first of these has a substitute in every C library, which must hear "unknown" to take it.
_RECENT = range(424, 600)

_ALLOW = 0x7FFF0000
_MASKED_EQUAL = 7
_INT = 0xFFFFFFFF
_UNIX = 1  # the family of sockets of one computer
_THREAD = 0x10000  # clone: a thread and no process


class _Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def missing() -> str:
    """Why there can be no filter here, "" if there can."""
    try:
        _libseccomp()
    except OSError:
        return "libseccomp.so.2 (Debian, Ubuntu: libseccomp2; Fedora: libseccomp) is not installed"
    return ""


def restrict() -> None:
    """Leave this process the listed system calls, on itself only. There must be no other thread.

    Raises:
        OSError: the system refuses, or libseccomp is missing.
    """
    library, own = _libseccomp(), os.getpid()
    context = library.seccomp_init(_error(errno.EPERM))
    if not context:
        raise OSError(errno.ENOMEM, "seccomp_init")
    try:
        add = functools.partial(_add, library, context)
        known = {number for name in _ALLOWED if (number := _number(library, name)) >= 0}
        for number in sorted(known):
            add(number)
        for number in set(_RECENT) - known:
            add(number, action=_error(errno.ENOSYS))
        for name, first in (("fcntl", _FCNTL), ("fcntl64", _FCNTL), ("ioctl", _IOCTL), ("prctl", _PRCTL)):
            position = 0 if name == "prctl" else 1
            for value in first:
                add(_number(library, name), (position, _MASKED_EQUAL, _INT, value))
        for name in ("tgkill", "rt_tgsigqueueinfo", "kill"):
            add(_number(library, name), (0, _MASKED_EQUAL, _INT, own))
        add(_number(library, "kill"), (0, _MASKED_EQUAL, _INT, -own & _INT))  # the group that it leads
        for name in ("prlimit64", "sched_setaffinity"):
            for process in (0, own):
                add(_number(library, name), (0, _MASKED_EQUAL, _INT, process))
        # A pair of sockets is a pipe of one's own (asyncio has one); nothing is sent to an address.
        add(_number(library, "socketpair"), (0, _MASKED_EQUAL, _INT, _UNIX))
        add(_number(library, "sendto"), (4, _MASKED_EQUAL, 2**64 - 1, 0))
        add(_number(library, "clone"), (_flags_of_clone(), _MASKED_EQUAL, _THREAD, _THREAD))
        _check(
            library.seccomp_attr_set(context, 8, 2), "seccomp_attr_set", optional=True
        )  # look up in a tree
        _check(library.seccomp_load(context), "seccomp_load")
    finally:
        library.seccomp_release(context)


def _flags_of_clone() -> int:
    return 1 if os.uname().machine.startswith("s390") else 0


def _error(number: int) -> int:
    return 0x00050000 | number


@functools.cache
def _libseccomp() -> Any:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_load.argtypes = library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    pointer = ctypes.POINTER(_Comparison)
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        pointer,
    ]
    return library


def _number(library: Any, name: str) -> int:
    """The number of a system call, negative if this processor has none of that name."""
    return int(library.seccomp_syscall_resolve_name(name.encode()))


def _add(
    library: Any, context: int, number: int, *comparisons: tuple[int, int, int, int], action: int = _ALLOW
) -> None:
    if number < 0:
        return
    compared = (_Comparison * len(comparisons))(*(_Comparison(*c) for c in comparisons))
    code = library.seccomp_rule_add_array(context, action, number, len(comparisons), compared)
    _check(code, f"seccomp_rule_add_array for call {number}")


def _check(code: int, what: str, *, optional: bool = False) -> None:
    if code < 0 and not optional:
        raise OSError(-code, f"{what}: {os.strerror(-code)}")
