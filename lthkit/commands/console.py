"""Reading options and printing lines, alike for all commands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lthkit.machine.faces import spelled, terminal_width
from lthkit.machine.tables import Table


class NobodyReads(Exception):
    """Whoever read what we print has gone."""


def say(text: str | Table, file: Any = None) -> None:
    """Print, spelling out in ASCII what the console's encoding cannot show; a table as wide as the terminal."""
    stream = file or sys.stdout
    if isinstance(text, Table):
        text = text.text(terminal_width(stream), getattr(stream, "encoding", None))
    try:
        print(spelled(text, getattr(stream, "encoding", None)), file=stream, flush=True)
    except BrokenPipeError as error:
        raise NobodyReads from error


def one_line(error: BaseException, arguments: argparse.Namespace) -> str:
    """What an error says, and for a file that cannot be read or written what to do."""
    if isinstance(error, OSError) and error.filename:
        other = " Choose another folder with --out." if hasattr(arguments, "out") else ""
        return f"{error.filename} ({error.strerror}). What was saved is whole.{other}"
    return " ".join(str(error).split()) or type(error).__name__


def whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected whole numbers such as 0,1,2"
        ) from None


def folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty name was given; expected a folder, such as runs/mine")
    return Path(text)


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
