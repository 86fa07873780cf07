"""A wall around a submission: what its functions may read, write, reach and take.

On Linux the kernel holds it, for all that the process starts too. `landlock` refuses paths, `calls` refuses system calls
(seccomp), `room` is a computer in which nothing else exists (namespaces), and `user` takes its rights away. Elsewhere
`fence` refuses in Python. `closing` finds out which of them this system has, and puts them up. The table in
solutions/README.md says which of them closes what.
"""

from .closing import FOUND, Parts, here, kind, line, order, put_up, try_parts
from .paths import readable, require_outside
from .system import adopt_orphans, end_with, keep_in_large_pages

__all__ = [
    "FOUND",
    "Parts",
    "adopt_orphans",
    "end_with",
    "here",
    "keep_in_large_pages",
    "kind",
    "line",
    "order",
    "put_up",
    "readable",
    "require_outside",
    "try_parts",
]
