"""Reading options and printing lines, alike for all commands."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lthkit.machine.faces import spelled, terminal_width
from lthkit.machine.tables import Table


class Parser(argparse.ArgumentParser):
    """Reads a command line; what it does not know it compares with what it knows. Its subcommands are parsers like it."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As of argparse, but an unknown option is refused by the subcommand that was given, which knows the others."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = getattr(found, "parser", self)
            option = next((text for text in unknown if text.startswith("-")), unknown[0]).partition("=")[0]
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{parser.did_you_mean(option)}")
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As of argparse; `parser` of the result is the innermost parser that read it."""
        first = next(iter(sys.argv[1:] if args is None else args), "")
        if self._subparsers is not None and first.startswith("--") and not self._get_option_tuples(first):
            # argparse would miss a command
            self.error(f"unrecognized arguments: {first}{self.did_you_mean(first)}")
        found, unknown = super().parse_known_args(args, namespace)
        if not hasattr(found, "parser"):
            found.parser = self
        return found, unknown

    def did_you_mean(self, option: str) -> str:
        """The option nearest to one that is not known, as the end of a sentence."""
        known = [text for text in self._option_string_actions if text.startswith("--")]
        return _nearest(option, known) or f"; {self.prog} --help lists the options"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            if not action.choices:
                raise
            raise argparse.ArgumentError(
                action,
                f"{value!r} was given; expected one of {', '.join(map(str, action.choices))}"
                + _nearest(str(value), list(map(str, action.choices))),
            ) from error


def _nearest(given: str, known: Sequence[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


class NobodyReads(Exception):
    """Whoever read what we print has gone."""


def say(text: str | Table, file: Any = None) -> None:
    """Print, spelling out in ASCII what the console's encoding cannot show; nothing is wider than the terminal."""
    stream = file or sys.stdout
    if isinstance(text, Table):
        text = text.text(terminal_width(stream), getattr(stream, "encoding", None))
    elif getattr(stream, "isatty", bool)():
        text = "\n".join(_wrapped(line, terminal_width(stream)) for line in text.split("\n"))
    try:
        print(spelled(text, getattr(stream, "encoding", None)), file=stream, flush=True)
    except BrokenPipeError as error:
        raise NobodyReads from error


def _wrapped(line: str, width: int) -> str:
    """A line that is broken between words, where the terminal would break it inside one."""
    if len(line) <= width:
        return line
    margin = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )


def one_line(error: BaseException, arguments: argparse.Namespace) -> str:
    """What an error says, and for a file that cannot be read or written what to do."""
    if isinstance(error, OSError) and error.filename:
        other = " Choose another folder with --out." if hasattr(arguments, "out") else ""
        told = f" {text}" if (text := getattr(error, "told", "")) else ""
        return f"{error.filename} ({error.strerror}). What was saved is whole.{told}{other}"
    return " ".join(str(error).split()) or type(error).__name__


def whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected whole numbers such as 0,1,2"
        ) from None


def fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected fractions such as 0.2,0.05") from None


def folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty name was given; expected a folder, such as runs/mine")
    return Path(text)


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
