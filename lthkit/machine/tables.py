"""Tables with two faces: HTML for a notebook, plain text for a terminal. Neither breaks a word or makes one scroll."""

from __future__ import annotations

import html
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from lthkit.machine import faces

NONE = "–"  # the cell of a value that there is not
GAP = 2  # blanks between two columns of text

# No number begins with a 0 before another digit: "05.1" is the name of an exercise.
_NUMBER = r"<?[+\-−]?(?:(?!0\d)\d[\d,]*(?:\.\d+)?(?:[eE][+\-]?\d+)?|nan|inf)"
_NUMERIC = re.compile(
    rf"({_NUMBER})(?:\s*±\s*{_NUMBER}|\s*\[{_NUMBER},\s*{_NUMBER}\])?(?:\s*%|\s*×)?\s*[*!]*"
)
_BEFORE_POINT = re.compile(r"<?[+\-−]?(?:\d[\d,]*|nan|inf)")
# An interval in brackets counts as one word.
_WORD = re.compile(r"[^\s\[]*\[[^\[\]\s]+,\s[^\[\]\s]+\]\S*|\S+")

# In JupyterLab's colours where they are; elsewhere in the colours of the page. `ch` is the width of a digit.
_STYLE = """\
div.lth-table{container-type:inline-size;overflow-x:auto;margin:.4em 0}
div.lth-table table{border-collapse:collapse;border:0;margin:0;font-variant-numeric:tabular-nums;table-layout:auto}
div.lth-table caption{caption-side:top;text-align:left;font-weight:bold;padding:.2em .5em;color:inherit}
div.lth-table tr th,div.lth-table tr td{padding:.2em .5em;text-align:left!important;vertical-align:top;max-width:none;\
white-space:normal;overflow-wrap:normal;word-break:normal;hyphens:none;border:0}
div.lth-table thead tr th{vertical-align:bottom;font-weight:bold;\
border-bottom:1px solid var(--jp-border-color0,rgba(128,128,128,.8))}
div.lth-table tbody tr th{font-weight:normal}
div.lth-table tr th.lth-n,div.lth-table tr td.lth-n{text-align:right!important}
div.lth-table tbody tr .lth-n{white-space:nowrap}
div.lth-table .lth-n span{display:inline-block;text-align:left;white-space:pre}
div.lth-table .lth-n span:first-child{text-align:right}
div.lth-table p{font-size:90%;margin:.2em .5em}"""
_STACKED = """\
@container (max-width:{width}em){{
div.{name} thead{{display:none}}
div.{name} table,div.{name} caption,div.{name} tbody,div.{name} tr,div.{name} tr th,div.{name} tr td{{display:block}}
div.{name} tbody tr{{padding:.3em 0;border-bottom:1px solid var(--jp-border-color1,rgba(128,128,128,.5))}}
div.{name} tbody tr th,div.{name} tbody tr td,div.{name} tbody tr th.lth-n,div.{name} tbody tr td.lth-n{{\
text-align:left!important;white-space:normal;padding:.1em .5em}}
div.{name} tbody tr th,div.{name} tbody tr th.lth-n{{font-weight:bold!important}}
div.{name} tbody tr td,div.{name} tbody tr td.lth-n{{padding-left:1.5em}}
div.{name} tbody tr .lth-n span{{display:inline;min-width:0!important}}
div.{name} tbody tr td.lth-none{{display:none}}
div.{name} tbody [data-head]::before{{content:attr(data-head) ": ";opacity:.8}}
}}"""


class Table:
    """Rows under headings, with a title above and notes below.

    A cell is a text, a number, a truth value (shown as yes or no), None (shown as a dash) or anything with a format, such
    as an interval. Numbers stand under one another with their decimal points. What shows a table asks it for one of
    two faces: `_repr_html_` for notebooks, `text` for terminals. Units belong into headings: "accuracy (%)".

    Args:
        columns: the headings; a mapping has for each heading the format of its numbers, such as ".1f" or "+.2f" or ",".
        rows: cells for each column; more can be added.
        title, notes: what the table is of, and sentences below it.
        keys: how many columns, from the left, say what a row is of. They are repeated where a terminal is too narrow for
            all columns side by side.

    Raises:
        ValueError: no column, two with one heading, or a row with more or fewer cells than there are columns.
    """

    def __init__(
        self,
        columns: Mapping[str, str] | Sequence[str],
        rows: Iterable[Sequence[Any]] = (),
        *,
        title: str = "",
        notes: Sequence[str] = (),
        keys: int = 1,
    ) -> None:
        if isinstance(columns, str) or not columns:
            raise ValueError(f"columns={columns!r} was given; expected a list of headings.")
        formats = columns if isinstance(columns, Mapping) else dict.fromkeys(columns, "")
        if len(formats) != len(columns):
            raise ValueError(f"Two columns have one heading in {list(columns)}; each needs its own.")
        if isinstance(notes, str):
            raise ValueError(f"notes={notes!r} was given; expected a list of sentences.")
        self.headings, self._formats = list(formats), list(formats.values())
        self.title, self.notes, self._keys = title, list(notes), max(0, min(keys, len(formats)))
        self.rows: list[list[str]] = []
        for row in rows:
            if isinstance(row, (str, Mapping)):
                raise ValueError(f"The row {row!r} was given; expected a list with a cell for each column.")
            self.add(*row)

    def add(self, *cells: Any) -> None:
        """One row more, with a cell for each column."""
        if len(cells) != len(self.headings):
            raise ValueError(
                f"A row of {len(cells)} cells was given, {cells!r}; expected {len(self.headings)}, for {self.headings}."
            )
        self.rows.append([_cell(c, form) for c, form in zip(cells, self._formats, strict=True)])

    def note(self, sentence: str) -> None:
        """One sentence more below the table."""
        self.notes.append(sentence)

    def show(self) -> None:
        """Show the table where a cell or a script shows more than its last value."""
        if faces.in_notebook():
            faces.show(html=self._repr_html_(), text=self.text())
        else:
            self.write()

    def write(self, stream: Any = None) -> None:
        """Print the table as wide as the terminal, in letters that it has."""
        out = stream or sys.stdout
        print(self.text(faces.terminal_width(out), getattr(out, "encoding", None)), file=out)

    def text(self, width: int = faces.TERMINAL, encoding: str | None = "utf-8") -> str:
        """The table in at most `width` columns, in letters that `encoding` has.

        What is too wide for that is wrapped at words; columns that still do not fit stand below the others, beside the
        key columns again, without the rows in which none of them has anything. Only a single word may be wider than `width`.
        """
        return _Text(self, width, encoding).text()

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html(self)


def _cell(value: Any, form: str) -> str:
    """What stands in a cell."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        text = value
    else:
        try:
            text = format(value, form)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The cell {value!r} was given; expected a number that can be written as {form!r}, text or None."
            ) from error
    return " ".join(faces.harmless(text).split())


class _Columns:
    """Headings and cells of a table as they are written, and how each column is aligned."""

    def __init__(self, table: Table, encoding: str | None = "utf-8") -> None:
        def spell(text: str) -> str:
            return faces.spelled(" ".join(faces.harmless(text).split()), encoding)

        self.headings = [spell(h) for h in table.headings]
        self.numeric = [
            any(c != NONE for c in column) and all(c in (NONE, "") or _NUMERIC.fullmatch(c) for c in column)
            for column in self._across(table.rows)
        ]
        # Before and after the decimal point of a number; the text of all else is before.
        self.parts = [
            [_split(spell(cell), n) for cell, n in zip(row, self.numeric, strict=True)] for row in table.rows
        ]
        self.before = [max((len(p[0]) for p in c), default=0) for c in self._across(self.parts)]
        self.after = [max((len(p[1]) for p in c), default=0) for c in self._across(self.parts)]

    def _across(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [[row[i] for row in rows] for i in range(len(self.headings))]

    @cached_property
    def least(self) -> list[int]:
        """The width of each column below which a word or a number would have to be broken."""
        return [
            max(
                _longest_word(self.headings[i]),
                self.before[i] + self.after[i]
                if self.numeric[i]
                else max((_longest_word(row[i][0]) for row in self.parts), default=0),
            )
            for i in range(len(self.headings))
        ]

    @cached_property
    def most(self) -> list[int]:
        """The width of each column in which nothing is wrapped."""
        return [max(len(h), b + a) for h, b, a in zip(self.headings, self.before, self.after, strict=True)]

    @cached_property
    def whole(self) -> list[int]:
        """The longest piece of each column that HTML does not break."""
        return [
            max((len(found[0]) for row in self.parts for found in _WHOLE.finditer(row[i][0])), default=0)
            for i in range(len(self.headings))
        ]

    def cell(self, row: int, column: int) -> str:
        before, after = self.parts[row][column]
        if self.numeric[column]:
            return before.rjust(self.before[column]) + after.ljust(self.after[column])
        return before


def _split(cell: str, numeric: bool) -> tuple[str, str]:
    if not numeric:
        return cell, ""
    found = _BEFORE_POINT.match(cell)
    end = found.end() if found else len(cell)
    return cell[:end], cell[end:]


def _longest_word(text: str) -> int:
    return max(map(len, _WORD.findall(text)), default=0)


class _Text:
    """The text face of a table at one width."""

    def __init__(self, table: Table, width: int, encoding: str | None) -> None:
        self.table, self.width, self.encoding = table, max(width, 1), encoding
        self.columns = _Columns(table, encoding)

    def text(self) -> str:
        sentences = [faces.spelled(faces.harmless(n), self.encoding) for n in self.table.notes]
        title = faces.spelled(faces.harmless(self.table.title), self.encoding)
        blocks = "\n\n".join("\n".join(self._block(block)) for block in self._blocks())
        lines = [*self._wrapped(title), blocks, *(line for s in sentences for line in self._wrapped(s))]
        return "\n".join(lines)

    def _wrapped(self, sentence: str) -> list[str]:
        return _wrap(sentence, self.width) if sentence else []

    def _blocks(self) -> list[list[int]]:
        """Which columns stand side by side: as many in each block as in the others, if that fits."""
        keys, others = (
            list(range(self.table._keys)),
            list(range(self.table._keys, len(self.columns.headings))),
        )
        if not others:
            return [keys]
        blocks: list[list[int]] = [[*keys, others[0]]]
        for i in others[1:]:
            if self._fits([*blocks[-1], i]):
                blocks[-1].append(i)
            else:
                blocks.append([*keys, i])
        count = math.ceil(len(others) / len(blocks))
        even = [[*keys, *others[i : i + count]] for i in range(0, len(others), count)]
        return even if all(map(self._fits, even)) else blocks

    def _fits(self, block: Sequence[int]) -> bool:
        return sum(self.columns.least[i] for i in block) + GAP * (len(block) - 1) <= self.width

    def _widths(self, block: Sequence[int]) -> dict[int, int]:
        """The width of each column: what it needs at most, less where the block would be too wide.

        Headings are wrapped before cells are.
        """
        columns = self.columns
        widths = {i: columns.most[i] for i in block}
        cells = {i: max(columns.least[i], columns.before[i] + columns.after[i]) for i in block}
        for least in (cells, dict(enumerate(columns.least))):
            while sum(widths.values()) + GAP * (len(block) - 1) > self.width:
                shrinkable = [i for i in block if widths[i] > least[i]]
                if not shrinkable:
                    break
                widths[max(shrinkable, key=lambda i: widths[i])] -= 1
        return widths

    def _block(self, block: Sequence[int]) -> list[str]:
        widths, columns = self._widths(block), self.columns
        head = [_wrap(columns.headings[i], widths[i]) for i in block]
        height = max(map(len, head))
        lines = self._lines([[""] * (height - len(h)) + h for h in head], block, widths)
        lines.append("  ".join("-" * widths[i] for i in block))
        for row in self._rows(block):
            cells = [
                [columns.cell(row, i)] if columns.numeric[i] else _wrap(columns.cell(row, i), widths[i])
                for i in block
            ]
            lines += self._lines(cells, block, widths)
        return lines

    def _rows(self, block: Sequence[int]) -> list[int]:
        """The rows of a block: those that have something in other blocks only are left out, unless none would be left."""

        def has(row: Sequence[str], columns: Iterable[int]) -> bool:
            return any(row[i] != NONE for i in columns if i >= self.table._keys)

        rows = self.table.rows
        own = [i for i, row in enumerate(rows) if has(row, block) or not has(row, range(len(row)))]
        return own or list(range(len(rows)))

    def _lines(
        self, cells: Sequence[list[str]], block: Sequence[int], widths: Mapping[int, int]
    ) -> list[str]:
        found = []
        for k in range(max(map(len, cells))):
            pieces = [c[k] if k < len(c) else "" for c in cells]
            padded = [
                p.rjust(widths[i]) if self.columns.numeric[i] else p.ljust(widths[i])
                for p, i in zip(pieces, block, strict=True)
            ]
            found.append((" " * GAP).join(padded).rstrip())
        return found


def _wrap(text: str, width: int) -> list[str]:
    """Lines of whole words; a blank line for no text."""
    lines: list[str] = []
    for word in _WORD.findall(text):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _html(table: Table) -> str:
    columns, escape = _Columns(table), html.escape
    # Below this width of its place, in the size of its letters, a table stands as one block for each row.
    chars = [
        max(least, before + after) if numeric else min(most, max(least, whole, 16))
        for least, most, whole, before, after, numeric in zip(
            columns.least,
            columns.most,
            columns.whole,
            columns.before,
            columns.after,
            columns.numeric,
            strict=True,
        )
    ]
    width = math.ceil(sum(0.6 * c + 1.0 for c in chars))
    name = f"lth-table-{width}"
    head = "".join(
        f'<th scope="col"{_class(n)}>{_whole_words(h)}</th>'
        for h, n in zip(columns.headings, columns.numeric, strict=True)
    )
    body = []
    for row in range(len(columns.parts)):
        cells = []
        for i, heading in enumerate(columns.headings):
            tag, scope = ("th", ' scope="row"') if i < table._keys else ("td", "")
            label = f' data-head="{escape(heading)}"' if heading else ""
            cells.append(
                f"<{tag}{scope}{_class(columns.numeric[i], columns.parts[row][i][0])}{label}>"
                f"{_html_cell(columns, row, i)}</{tag}>"
            )
        body.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{escape(faces.harmless(table.title))}</caption>" if table.title else ""
    notes = "".join(f"<p>{_whole_words(faces.harmless(note))}</p>" for note in table.notes)
    style = f"{_STYLE}\n{_STACKED.format(name=name, width=width)}"
    return (
        f'<div class="lth-table {name} tex2jax_ignore mathjax_ignore"><style>\n{style}\n</style>\n'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>\n"
        + "\n".join(body)
        + f"\n</tbody></table>{notes}</div>"
    )


# An interval, a difference of two arms, "excludes 0", and a word with hyphens, where browsers would begin a new line.
_WHOLE = re.compile(r"\[[^\[\]\s]+,\s[^\[\]\s]+\]|[\w-]{1,14} - [\w-]{1,14}(?![\w-])|[a-z]+ 0\b|\w+(?:-\w+)+")


def _whole_words(text: str) -> str:
    """Escaped text that is broken at blanks only."""
    return _WHOLE.sub(r'<span style="white-space:nowrap">\g<0></span>', html.escape(text))


def _class(numeric: bool, cell: str = "") -> str:
    names = ["lth-n"] * numeric + ["lth-none"] * (cell == NONE)
    return f' class="{" ".join(names)}"' if names else ""


def _html_cell(columns: _Columns, row: int, column: int) -> str:
    before, after = columns.parts[row][column]
    tails = {len(r[column][1]) for r in columns.parts}
    if not columns.numeric[column] or len(tails) == 1:
        return _whole_words(before + after)
    wide = f'style="min-width:{columns.before[column]}ch"', f'style="min-width:{columns.after[column]}ch"'
    return f"<span {wide[0]}>{html.escape(before)}</span><span {wide[1]}>{html.escape(after)}</span>"
