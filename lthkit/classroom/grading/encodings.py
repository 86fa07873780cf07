"""Bytes that others wrote, as text: read surely, or refused with what to do.

What is neither UTF-8 nor UTF-16 does not say what it is. A list is then taken for a Western one (cp1252) only if each of its
words looks like one there, and would not in the names that are written in cp1250, cp1254, cp1257, on a Macintosh or in Asia.
Of DOS a few are left that cannot be told apart, such as an Estonian "T\u00f5nu", whose bytes are those of "T\u00e4nu".
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

REMEDY = (
    "Save it as CSV UTF-8 and give that: in Excel by Save As, CSV UTF-8; in LibreOffice by Save As with the character set "
    "Unicode (UTF-8); else download it again as UTF-8."
)
LEGACY = (
    *("cp949", "cp932", "gb18030", "big5", "euc_jp"),
    *("cp1251", "cp866", "koi8_r", "cp1252", "cp850", "cp1250", "cp852", "cp1254", "cp857", "mac_roman"),
    *("cp1253", "cp1255", "cp1256", "cp1257", "cp874"),
)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_LOST = re.compile(
    "\ufffd|[\u00c3\u00d0\u00d1][\u00a0-\u00bf]"
)  # "M\u00c3\u00bcller": UTF-8 that was read as cp1252
_WORD = re.compile(r"[A-Za-z\u0080-\U0010ffff]+")
_SURE = re.compile(  # one letter of a word in small letters; what it would be elsewhere
    "[a-z\u00e9\u00f3\u00f4\u00f6\u00fa\u00fc]"
    "|\u00df(?![aou])|(?<![aeiou])\u00e1"  # of each other in DOS
    "|(?<![aeiou])\u00e4(?![aeo])"  # Polish n and Portuguese o in DOS
    "|\u00ed(?=[b-df-hj-np-tv-z]|$)|(?<=[b-df-hj-np-tv-z])\u00ed(?=[ao])"  # Latvian k
    "|\u00f1(?=[aeiou])"  # Polish n
    "|(?<=n)\u00e7(?=[aou])|^\u00e7(?=[aeiou])"  # Latvian e
    "|\u00e8(?=(?:ch|gn|vr|tr|[bcdglmnrstv])es?$)"  # Czech c
    "|(?<=[aeiou])\u00eb"  # Lithuanian e
    "|\u00e3(?=os?$)"  # Romanian a
    "|(?<=[ao])\u00ef(?=[cs]$)|(?<=o)\u00ee(?=t$)"  # Czech d, Latvian i
    "|^\u00e5|\u00e5(?=[lr])|(?:(?<=^bj)|(?<=^[fjlmnrs]))\u00f8(?=[b-df-hj-np-tv-z])"  # Slovak l, Czech r
)
_PAIRS = re.compile(
    "\u00e4\u00e4|\u00f6\u00f6|[\u00e1\u00fa]\u00f1|[\u00e4\u00f6\u00fc]\u00df"
)  # Finnish, Spanish, German
_OF_DOS = "\u00d4|[A-Z]\u00d6"  # E grave, and I acute within capitals
_COMMON = re.compile(
    "[\u0386-\u03ce]+|[\u0400-\u045f\u0490-\u04e9]+|[\u0531-\u0587]+|[\u05d0-\u05ea]+|[\u0621-\u064a\u067e-\u06cc]+"
)  # Greek, Cyrillic, Armenian, Hebrew, Arabic


@dataclass(frozen=True)
class Encoding:
    """How a file was written, so that a copy can be written in the same way."""

    name: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        return self.mark + text.encode(self.name)


def decode(content: bytes, file: str) -> tuple[str, Encoding]:
    """The text of a file and its encoding.

    Raises:
        ValueError: the letters cannot be told surely; the text has the file, the line and the remedy.
    """
    if content.startswith(b"PK\x03\x04") or content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValueError(f"{file} is a workbook or a zip file and no CSV. {REMEDY}")
    mark, name = next(((m, n) for m, n in _MARKS if content.startswith(m)), (b"", ""))
    if not mark:
        return _unmarked(content, file)
    try:
        text = content.removeprefix(mark).decode(name)
    except UnicodeDecodeError:
        raise ValueError(f"{file} begins like {name.upper()} and is damaged. {REMEDY}") from None
    return _whole(text, file), Encoding(name, mark)


def _unmarked(content: bytes, file: str) -> tuple[str, Encoding]:
    if b"\0" in content:
        wide = [name for name in ("utf-16-le", "utf-16-be") if _is_text(content, name)]
        if len(wide) != 1:
            raise ValueError(f"{file} holds bytes that are no text. {REMEDY}")
        return _whole(content.decode(wide[0]), file), Encoding(wide[0])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _western(content, file), Encoding("cp1252")
    if by_chance(text):
        raise _unsure(file, *_first_line(text, lambda line: not line.isascii()))
    return _whole(text, file), Encoding("utf-8")


def _is_text(content: bytes, name: str) -> bool:
    """Whether bytes are lines of assigned characters; the other order of bytes makes a line's end an unassigned one."""
    try:
        text = content.decode(name)
    except UnicodeDecodeError:
        return False
    return "\n" in text and not any(
        unicodedata.category(c) in ("Cn", "Cc") for c in text if c not in "\t\r\n"
    )


def _whole(text: str, file: str) -> str:
    """The text, unless something in it is no letter or was lost before."""
    if _NO_TEXT.search(text):
        number, _ = _first_line(text, _NO_TEXT.search)
        raise ValueError(f"{file}, line {number} holds characters that are no text. {REMEDY}")
    if _LOST.search(text):
        number, line = _first_line(text, _LOST.search)
        raise ValueError(
            f"{file}, line {number}: letters were lost before it came here: {ascii(line)}. Export it again from where "
            "the names are right."
        )
    return text


def _western(content: bytes, file: str) -> str:
    text = content.decode("latin-1")
    if not all(map(_is_western, _WORD.findall(text))) or _NO_TEXT.search(text):
        bad = lambda line: not all(map(_is_western, _WORD.findall(line))) or _NO_TEXT.search(line)  # noqa: E731
        raise _unsure(file, *_first_line(text, bad))
    return text


def _is_western(word: str) -> bool:
    """Whether a word of cp1252 is surely one: its letters stand where Western names have them, and other alphabets not."""
    if word.isascii():
        return True
    upper = word == word.upper()
    cased = upper or word[0] != "\u00cd" and all(c.isascii() or c.islower() for c in word[1:])
    if not cased or not (upper or word[0].isascii() or word[0].isupper()):
        return False
    small = word.lower()
    known = all(_SURE.match(small, i) for i in range(len(small))) and not re.search(_OF_DOS, word)
    apart = not re.search("[\u0080-\uffff]{2}", _PAIRS.sub("a", small))
    after_capital = re.search("[A-Z][\u00df-\u00ff][A-Z]", word)
    return known and apart and not after_capital and sum(c.isascii() for c in word) >= 2


def by_chance(text: str) -> bool:
    """Whether text may be UTF-8 by chance only: no word with other letters than ASCII looks like one of any language.

    Chinese and Korean characters of two bytes are valid UTF-8 now and then; a name of them then is a Greek letter or two.
    """
    words = [w for w in _WORD.findall(text) if any(c > "\x7f" and c.isalpha() for c in w)]
    signs = [w for w in _SIGN.findall(text) if not any(c.isalpha() for c in w)]
    return bool(words or signs) and all(max(w) < "\u0800" and not _is_word(w) for w in [*words, *signs])


_SIGN = re.compile('(?:^|(?<=[,;\t"\r\n]))[\u00a1-\U0010ffff]+(?=[,;\t"\r\n]|$)')  # alone in a cell


def _is_word(word: str) -> bool:
    word = unicodedata.normalize("NFC", word)
    if _COMMON.fullmatch(word):
        return len(word) > 1 and (word[1:] == word[1:].lower() or word.isupper() and len(word) > 2)
    if not all(unicodedata.name(c, "").startswith("LATIN") for c in word if c.isalpha()):
        return False
    return any(c.isascii() for c in word) or len(word) > 3 or len(word) == 1 and word.isupper()


def _first_line(text: str, bad: object) -> tuple[int, str]:
    """The first line of which something is true, and its number."""
    lines = re.split(r"\r\n|\r|\n", text)
    return next(((i, line) for i, line in enumerate(lines, 1) if bad(line)), (1, lines[0]))  # type: ignore[operator]


def _unsure(file: str, number: int, line: str) -> ValueError:
    seen = re.sub(r"[^\x20-\x7e]", "?", line.replace("\t", " "))[:60]
    return ValueError(
        f"{file}, line {number}: the file does not say how its letters are to be read, and they cannot be told surely: "
        f"{seen!r}. {REMEDY}"
    )


def utf8(raw: bytes) -> str | None:
    """A name that is surely UTF-8, though nothing says so."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if by_chance(name) else name


def readings(raw: bytes) -> list[str]:
    """All that a name may be whose encoding nothing says."""
    found = []
    for encoding in ("utf-8", *LEGACY):
        try:
            found.append(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return list(dict.fromkeys(name for name in found if not _NO_TEXT.search(name)))
