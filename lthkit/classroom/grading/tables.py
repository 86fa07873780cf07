"""CSV files that spreadsheets and platforms write: read as they stand, and written back in the same way."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.grading import encodings
from lthkit.classroom.grading.encodings import Encoding
from lthkit.storage import files

_SEPARATORS = ",;\t|"
_SAYS = re.compile(r'"?sep=(.)"?[ ,;]*(?:\r\n|\r|\n)', re.IGNORECASE)  # for Excel


@dataclass
class Table:
    """All rows of a file, the headings first, the line at which each begins, and how it was written."""

    path: Path
    rows: list[list[str]]
    lines: list[int]
    separator: str
    newline: str
    said: str
    encoding: Encoding

    @property
    def headings(self) -> list[str]:
        return self.rows[0]

    def by_heading(self) -> list[dict[str, str]]:
        """The rows below the headings, each with a cell for every heading; of several the first that says something."""
        found = []
        for row in self.rows[1:]:
            cells = dict.fromkeys(self.headings, "")
            for heading, cell in zip(self.headings, row, strict=False):
                cells[heading] = cells[heading] if cells[heading].strip() else cell
            found.append(cells)
        return found

    def write(self, target: Path) -> Path:
        """Write the rows as the file was written: encoding and mark, separator, `sep=` and line ends."""
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self.separator, lineterminator=self.newline).writerows(self.rows)
        return files.write_bytes(target, self.encoding.encode(self.said + out.getvalue()))


def read(path: Path) -> Table:
    """Read a CSV file that is separated by commas, semicolons, tabs or bars.

    Raises:
        ValueError: letters, quotes or rows that cannot be told surely; the text has the line.
    """
    text, encoding = encodings.decode(path.read_bytes(), str(path))
    said = found[0] if (found := _SAYS.match(text)) else ""
    text = text.removeprefix(said)
    separator = found[1] if found else _separator(text)
    above = len(re.findall(r"\r\n|\r|\n", said))
    newline = "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"
    rows, lines, last = [], [], 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(above + last + 1)
            last = reader.line_num
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {above + last + 1}: its quotes do not match ({error}). A cell with a quote, a separator or a "
            'line break stands in quotes, as in "Lovelace, Ada", and each quote in it is written twice.'
        ) from None
    table = Table(path, rows or [[]], lines or [1], separator, newline, said, encoding)
    _require_width(table)
    return table


def _separator(text: str) -> str:
    """The separator that is most often in the row of headings, outside of quotes."""
    head = re.sub(r'"[^"]*"', "", text).lstrip("\r\n")
    return max(_SEPARATORS, key=re.split(r"[\r\n]", head)[0].count)


def _require_width(table: Table) -> None:
    width = len(table.headings)
    for row, line in zip(table.rows, table.lines, strict=True):
        if any(cell.strip() for cell in row[width:]):
            raise ValueError(
                f"{table.path}, line {line}: it has {len(row)} cells, and there are {width} headings. A cell with "
                f"{table.separator!r} in it stands in quotes."
            )


def plain_heading(heading: str) -> str:
    """A heading as it is compared: without case, quotes, line breaks and what cannot be seen."""
    return visible(heading).strip("\"'\u201c\u201d ").casefold()


def visible(text: str) -> str:
    """Text without characters that cannot be seen; each run of blanks is one blank."""
    shown = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join("".join(shown).split())
