"""How the classroom speaks to a student: plain text that any console can show."""

from __future__ import annotations


def say(*lines: str) -> None:
    print("\n".join(line.encode("ascii", "backslashreplace").decode("ascii") for line in lines))
